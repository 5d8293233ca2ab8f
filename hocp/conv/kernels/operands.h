// What the forward and the backward pass take, in whichever order they go through it. Names as in `native.cpp`.
#pragma once
#include "laps.h"
#include "samples.h"

namespace {

template <typename T>
struct Forward {
    Image<const T> x;                      // without data where z is given
    const T *entering, *leaving, *bias;    // factors of the channels, packed for their products
    const Taps<T>& taps;
    const Activation<T>& psi;
    bool temporal;                         // whether there is a mode of time
    T* z;                                  // where all of it is kept, or null
    Image<T> y;
};

template <typename T>
struct Backward {
    Image<const T> x, grad;                // x without data where the gradients end at z
    const T *entering, *returning, *leaving;
    const Taps<T>& taps;
    const Activation<T>& psi;
    bool temporal;
    const T* z;                            // null where it is computed once more
    T *grad_x, *grad_z;                    // each null where it is not wanted
    T *sums_u, *sums_v, *sums_f;           // of the factors: (slices, panels, channels, panel); of the rest `sums_of`

    // Where a panel of a sample adds the gradients of its taps, of scale and of shift.
    struct Sums {
        T* of[4];
    };

    static Index taps_of(const Layer<T>& l) { return l.d.taps + l.h.taps + l.w.taps + 2; }

    Sums sums_of(const Layer<T>& l, Index sample, Index panel) const {
        constexpr int P = Vector<T>::panel;
        const Index all = taps_of(l);
        T* sum = sums_f + (sample * l.panels + panel) * all * P;
        return {{sum, sum + l.d.taps * P, sum + (l.d.taps + l.h.taps) * P, sum + (all - 2) * P}};
    }
};

}  // namespace

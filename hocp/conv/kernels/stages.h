// Forward and backward pass stage by stage, each shared by all threads: the way for factors so large, or samples so
// few, that slabs do not pay.
#pragma once
#include "operands.h"

namespace {

// Memory of all threads, for what lies between the products: of `samples` at a time.
template <typename T>
struct Between {
    T *z, *out, *grad_z = nullptr, *grad_out = nullptr;

    Between(Scratch& s, const Layer<T>& l, Index samples, bool has_z) {
        z = s.take<T>(has_z ? 0 : samples * l.sample_in * l.padded);
        out = s.take<T>(samples * l.sample_out * l.padded);
    }

    void take_gradients(Scratch& s, const Layer<T>& l, Index samples, bool goes_on) {
        grad_z = s.take<T>(goes_on ? samples * l.sample_in * l.padded : 0);
        grad_out = s.take<T>(samples * l.sample_out * l.padded);
    }
};

// Memory of one thread.
template <typename T>
struct Own {
    Bands<T> bands;
    Progress<T> panel;
    T* channels;

    Own(Scratch& s, const Layer<T>& l, bool backward, Index channel_numbers)
        : bands(s, l, l.band, backward), panel(s, l, l.band, backward), channels(s.take<T>(channel_numbers)) {}
};

template <typename T>
void staged_forward(const Layer<T>& l, const Forward<T>& o, const Between<T>& between, Own<T>& own) {
    constexpr int P = Vector<T>::panel;
    const Index batch = l.p.batch;
    for (Index from = 0; from < batch; from += l.samples) {
        const Index count = std::min(l.samples, batch - from), out_step = count * l.sample_out * P;
        const Index step = (o.z ? batch : count) * l.sample_in * P;
        T* z = o.z ? o.z + from * l.sample_in * P : between.z;
        if (o.x.data)
            enter(Together(), from * l.sample_in, count * l.sample_in, o.x, o.entering, l.panels, z, step,
                  own.channels);
        LAP(2);
#pragma omp for schedule(dynamic)
        for (Index item = 0; item < count * l.panels; ++item) {
            const Index b = item / l.panels, panel = item % l.panels;
            T* out = between.out + panel * out_step + b * l.sample_out * P;
            convolve_sample(l, o.taps, o.psi, panel, own.bands, own.panel, o.temporal,
                            z + panel * step + b * l.sample_in * P, out);
        }
        LAP(3);
        leave(Together(), from * l.sample_out, count * l.sample_out, between.out, out_step, l.panels, o.leaving, o.bias,
              o.y);
        LAP(4);
    }
}

template <typename T>
void staged_backward(const Layer<T>& l, const Backward<T>& o, const Between<T>& between, const Shares& shares,
                     Own<T>& own) {
    constexpr int P = Vector<T>::panel;
    const Index batch = l.p.batch;
    for (Index from = 0; from < batch; from += l.samples) {
        const Index count = std::min(l.samples, batch - from), whole = batch * l.sample_in * P;
        const Index begin = from * l.sample_in, rows = count * l.sample_in, step = o.z ? whole : rows * P;
        const Index begin_out = from * l.sample_out, rows_out = count * l.sample_out, out_step = rows_out * P;
        const Index grad_step = o.grad_z ? whole : rows * P;
        const T* z = o.z ? o.z + begin * P : between.z;
        T* grad_z = o.grad_z ? o.grad_z + begin * P : between.grad_z;
        if (!o.z) enter(Together(), begin, rows, o.x, o.entering, l.panels, between.z, step, own.channels);
        enter(Together(), begin_out, rows_out, o.grad, o.leaving, l.panels, between.grad_out, out_step, own.channels);
#pragma omp for schedule(dynamic)
        for (Index item = 0; item < count * l.panels; ++item) {
            const Index b = item / l.panels, panel = item % l.panels;
            const Index at = b * l.sample_in * P, at_out = panel * out_step + b * l.sample_out * P;
            differentiate_sample(l, o.taps, o.psi, panel, own.bands, own.panel, o.temporal, z + panel * step + at,
                                 between.grad_out + at_out, between.out + at_out, grad_z + panel * grad_step + at,
                                 o.sums_of(l, from + b, panel).of);
        }
        add_outer_shared(begin_out, rows_out, o.grad, between.out, out_step, l.panels, shares, own.channels, o.sums_v);
        if (o.grad_z) continue;
        add_outer_shared(begin, rows, o.x, grad_z, grad_step, l.panels, shares, own.channels, o.sums_u);
        if (o.grad_x)
            leave<T>(Together(), begin, rows, grad_z, grad_step, l.panels, o.returning, nullptr,
                     {o.grad_x, o.x.channels, o.x.plane});
    }
}

}  // namespace

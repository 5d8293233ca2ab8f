// All 1-D convolutions of one sample and panel, and their gradients.
//
// They run band by band: some output rows of all frames at a time, so that what lies between two of them stays
// in the second cache. Rows that the next band reads again are kept in a window.
#pragma once
#include "convolutions.h"
#include "products.h"

namespace {

// The taps of all modes, packed; for the backward pass also in reversed order. Lambda goes into those of the height,
// which every problem has: they are few numbers, where a factor of the channels has many.
template <typename T>
struct Taps {
    static constexpr int P = Vector<T>::panel;
    T *forward[3], *reversed[3];

    Taps(Scratch& s, const Layer<T>& l) {
        for (int m = 0; m < 3; ++m)
            for (T** part : {&forward[m], &reversed[m]}) *part = s.take<T>(l.padded * l.p.modes[m].taps);
    }

    void fill(const Layer<T>& l, const T* const* f, const T* weights) {
        for (int m = 0; m < 3; ++m) {
            if (!f[m]) continue;
            const Index taps = l.p.modes[m].taps;
            pack_panels(f[m], taps, l.p.rank, forward[m]);
            if (m == 1) weigh(l, weights);
#pragma omp for schedule(static)
            for (Index q = 0; q < l.panels * taps; ++q)
                std::memcpy(reversed[m] + q * P, forward[m] + (q / taps * taps + taps - 1 - q % taps) * P, sizeof(T) * P);
        }
    }

    void weigh(const Layer<T>& l, const T* weights) {
        const Index taps = l.h.taps;
#pragma omp for schedule(static)
        for (Index panel = 0; panel < l.panels; ++panel) {
            T lambda[P], *tap = forward[1] + panel * taps * P;
            copy_panel(weights + panel * P, l.p.rank - panel * P, lambda);
            for (Index i = 0; i < taps * P; ++i) tap[i] *= lambda[i % P];
        }
    }

    const T* of(const Layer<T>& l, int mode, Index panel) const { return forward[mode] + panel * l.p.modes[mode].taps * P; }
    const T* back(const Layer<T>& l, int mode, Index panel) const { return reversed[mode] + panel * l.p.modes[mode].taps * P; }
};

// Output rows [first, last) of the height mode read input rows [from, to).
struct Rows {
    Index first, last, from, to;

    Rows(const Mode& h, Index first, Index last) : first(first), last(last) {
        from = std::clamp<Index>(first * h.stride - h.before, 0, h.size);
        to = std::clamp<Index>((last - 1) * h.stride - h.before + (h.taps - 1) * h.dilation + 1, from, h.size);
    }

    // Up to which input row gradients are complete after these, if they were up to `done` before.
    Index complete(const Mode& h, Index done) const {
        return last == h.out ? h.size : std::clamp<Index>(last * h.stride - h.before, done, h.size);
    }

    // The height mode as these rows see it in a window that begins with input row `from`.
    Mode seen(const Mode& h) const {
        return {to - from, last - first, h.taps, h.stride, h.dilation, h.before + from - first * h.stride};
    }
};

// Rows [from, to) of every frame; frames stand `step` positions apart, rows `row`.
template <typename T>
struct Window {
    T* data;
    Index step, row, from = 0, to = 0;

    T* at(Index frame, Index line) const { return data + (frame * step + (line - from) * row) * Vector<T>::panel; }

    // Drop the rows before `start`.
    void advance(Index start, Index frames) {
        const Index kept = std::max<Index>(to - start, 0);
        if (kept && start > from)
            for (Index t = 0; t < frames; ++t)
                std::memmove(at(t, from), at(t, start), sizeof(T) * kept * row * Vector<T>::panel);
        from = start, to = start + kept;
    }
};

// Memory of one thread for a band of so many output rows.
template <typename T>
struct Bands {
    T *frames, *line, *lines;
    Index rows;  // input rows of `lines`

    Bands(Scratch& s, const Layer<T>& l, Index band, bool backward) : rows(band * l.h.stride) {
        constexpr int P = Vector<T>::panel;
        frames = s.take<T>(l.d.size * band * l.w.out * P);
        line = s.take<T>(l.w.size * P);
        lines = s.take<T>(backward ? rows * l.w.out * P : 0);
    }
};

// How far a panel of a sample has come: rows of z convolved along the width that the next band reads again, and, of the
// backward pass, gradients of what the height makes of them, and how many input rows have theirs.
template <typename T>
struct Progress {
    Window<T> window, grads;
    Index done = 0;

    Progress(Scratch& s, const Layer<T>& l, Index band, bool backward) {
        constexpr int P = Vector<T>::panel;
        const Mode& h = l.h;
        window.step = l.reads(band) * l.w.out;
        grads.step = backward ? std::min(h.out, band + (h.taps - 1) * h.dilation / h.stride + 1) * l.w.out : 0;
        window.row = grads.row = l.w.out;
        window.data = s.take<T>(l.d.size * window.step * P);
        grads.data = s.take<T>(l.d.size * grads.step * P);
    }

    void begin() { window.from = window.to = grads.from = grads.to = done = 0; }
};

// What happens to z before it is convolved: max(0, z scale + shift), each step if it is asked for.
template <typename T>
struct Activation {
    const T *scale, *shift;  // (R,), both or none
    bool relu;
    T* packed;  // scale and shift in panels, one behind the other

    bool none() const { return !scale && !relu; }

    void fill(Index rank, Index padded) const {
        if (!scale) return;
        pack_panels(scale, 1, rank, packed);
        pack_panels(shift, 1, rank, packed + padded);
    }

    // Of some positions of a panel.
    void apply(Index panel, Index padded, const T* z, Index count, T* out) const {
        using V = typename Vector<T>::type;
        constexpr int L = Vector<T>::lanes, P = 2 * L;
        for (int half = 0; half < P; half += L) {
            const T* at = packed + panel * P + half;
            const V a = scale ? *(const V*)at : V{} + T(1), b = scale ? *(const V*)(at + padded) : V{};
            for (Index q = half; q < count * P; q += P) {
                const V value = *(const V*)(z + q) * a + b;
                *(V*)(out + q) = relu ? (value > V{} ? value : V{}) : value;
            }
        }
    }

    // Turn the gradient of `active` = apply(z) into that of z, and add those of scale and shift to `sums`.
    void differentiate(Index panel, const T* z, const T* active, Index count, T* grad, T* sums) const {
        using V = typename Vector<T>::type;
        constexpr int L = Vector<T>::lanes, P = 2 * L;
        for (int half = 0; half < P; half += L) {
            const V a = scale ? *(const V*)(packed + panel * P + half) : V{} + T(1);
            V of_scale = *(V*)(sums + half), of_shift = *(V*)(sums + P + half);
            for (Index q = half; q < count * P; q += P) {
                V g = *(V*)(grad + q);
                if (relu) g = *(const V*)(active + q) > V{} ? g : V{};
                of_scale += g * *(const V*)(z + q);
                of_shift += g;
                *(V*)(grad + q) = g * a;
            }
            *(V*)(sums + half) = of_scale, *(V*)(sums + P + half) = of_shift;
        }
    }
};

// Convolve along width and height: fill the window with what rows `r` read, and `out` (D, rows, W') from it.
template <typename T>
void convolve_rows(const Layer<T>& l, const Taps<T>& taps, const Activation<T>& psi, Index panel, const Rows& r,
                   const Bands<T>& own, const Window<const T>& z, Window<T>& window, T* out, Index out_step) {
    constexpr int P = Vector<T>::panel;
    window.advance(r.from, l.d.size);
    for (Index t = 0; t < l.d.size; ++t) {
        for (Index line = window.to; line < r.to; ++line) {
            const T* from = z.at(t, line);
            if (!psi.none()) psi.apply(panel, l.padded, from, l.w.size, own.line), from = own.line;
            convolve(l.w, 1, from, 1, taps.of(l, 2, panel), window.at(t, line), 1);
        }
        convolve(r.seen(l.h), l.w.out, window.at(t, r.from), l.w.out, taps.of(l, 1, panel), out + t * out_step * P,
                 l.w.out);
    }
    window.to = std::max(window.to, r.to);
}

// z (D, H, W, panel) -> out (D', H', W', panel).
template <typename T>
void convolve_sample(const Layer<T>& l, const Taps<T>& taps, const Activation<T>& psi, Index panel, const Bands<T>& own,
                     Progress<T>& so_far, bool temporal, const T* z, T* out) {
    constexpr int P = Vector<T>::panel;
    so_far.begin();
    for (Index first = 0; first < l.h.out; first += l.band) {
        const Rows r(l.h, first, std::min(first + l.band, l.h.out));
        const Index across = (r.last - r.first) * l.w.out;
        T *to = out + first * l.w.out * P, *planar = temporal ? own.frames : to;
        convolve_rows(l, taps, psi, panel, r, own, {z, l.plane_in, l.w.size}, so_far.window, planar,
                      temporal ? across : l.plane_out);
        if (temporal) convolve(l.d, across, planar, across, taps.of(l, 0, panel), to, l.plane_out);
    }
}

// From z and the gradient of what `convolve_sample` makes of it, output rows `r`: that result once more, the gradient
// of z for the rows that have it complete now, and the gradients of the taps, of scale and of shift, added to `sums`.
template <typename T>
void differentiate_rows(const Layer<T>& l, const Taps<T>& taps, const Activation<T>& psi, Index panel, const Rows& r,
                        const Bands<T>& own, Progress<T>& so_far, bool temporal, const Window<const T>& z,
                        const Window<T>& grad, const Window<T>& out, const Window<T>& grad_z, T* const* sums) {
    constexpr int P = Vector<T>::panel;
    const Mode &d = l.d, &h = l.h, &w = l.w;
    Window<T>&window = so_far.window, &grads = so_far.grads;
    Index& done = so_far.done;
    const Index across = (r.last - r.first) * w.out;
    const Index still = (done + h.before - (h.taps - 1) * h.dilation + h.stride - 1) / h.stride;
    grads.advance(std::clamp<Index>(still, 0, r.first), d.size);
    T *fresh = grads.at(0, r.first), *to = out.at(0, r.first), *from = grad.at(0, r.first);
    if (temporal) {
        convolve_rows(l, taps, psi, panel, r, own, z, window, own.frames, across);
        convolve(d, across, own.frames, across, taps.of(l, 0, panel), to, out.step);
        correlate(d, across, own.frames, across, from, grad.step, sums[0]);
        transposed(d, across, from, grad.step, 0, d.out, taps.of(l, 0, panel), taps.back(l, 0, panel), 0, d.size, fresh,
                   grads.step);
    } else {
        convolve_rows(l, taps, psi, panel, r, own, z, window, to, out.step);
        std::memcpy(fresh, from, sizeof(T) * across * P);
    }
    grads.to = r.last;
    for (Index t = 0; t < d.size; ++t)
        correlate(r.seen(h), w.out, window.at(t, r.from), w.out, fresh + t * grads.step * P, w.out, sums[1]);
    const Index complete = r.complete(h, done);
    for (Index count; done < complete; done += count) {
        count = std::min(own.rows, complete - done);
        for (Index t = 0; t < d.size; ++t) {
            transposed(h, w.out, grads.at(t, grads.from), w.out, grads.from, grads.to - grads.from,
                       taps.of(l, 1, panel), taps.back(l, 1, panel), done, count, own.lines, w.out);
            for (Index line = 0; line < count; ++line) {
                const T *lines = own.lines + line * w.out * P, *entered = z.at(t, done + line), *active = entered;
                T* result = grad_z.at(t, done + line);
                if (!psi.none()) psi.apply(panel, l.padded, entered, w.size, own.line), active = own.line;
                correlate(w, 1, active, 1, lines, 1, sums[2]);
                transposed(w, 1, lines, 1, 0, w.out, taps.of(l, 2, panel), taps.back(l, 2, panel), 0, w.size, result, 1);
                if (!psi.none()) psi.differentiate(panel, entered, active, w.size, result, sums[3]);
            }
        }
    }
}

// All of a sample.
template <typename T>
void differentiate_sample(const Layer<T>& l, const Taps<T>& taps, const Activation<T>& psi, Index panel,
                          const Bands<T>& own, Progress<T>& so_far, bool temporal, const T* z, T* grad, T* out, T* grad_z,
                          T* const* sums) {
    const Mode& h = l.h;
    so_far.begin();
    for (Index first = 0; first < h.out; first += l.band)
        differentiate_rows(l, taps, psi, panel, Rows(h, first, std::min(first + l.band, h.out)), own, so_far, temporal,
                           {z, l.plane_in, l.w.size}, {grad, l.plane_out, l.w.out}, {out, l.plane_out, l.w.out},
                           {grad_z, l.plane_in, l.w.size}, sums);
}

}  // namespace

// Forward and backward pass slab by slab: a thread takes some rows of all frames of a sample through all stages. What
// lies between them then stays in its own cache; where all threads share each stage, part comes from another's.
#pragma once
#include <vector>

#include "operands.h"

namespace {

// How samples are cut into slabs.
struct Slabs {
    Index parts = 0;             // of a sample, each for one thread; 0 where slabs would not pay
    Index rows = 0, window = 0;  // output rows of a slab, input rows that it reads

    // Only the width and the height of `convolve_plane`, and no psi.
    template <typename T>
    static Slabs forward(const Layer<T>& l, bool has_psi) {
        return {l, has_psi || !plane_fits(l.h, l.w) ? 0 : l.h.out, l.row_in(), l.row_out()};
    }

    // In one part, since the gradient of an input row sums over output rows; z, its gradient, and three of the output.
    template <typename T>
    static Slabs backward(const Layer<T>& l) {
        return {l, 1, 2 * l.row_in(), 3 * l.row_out()};
    }

private:
    // At most so many parts; bytes that a slab has of an input and of an output row.
    template <typename T>
    Slabs(const Layer<T>& l, Index most, Index row_in, Index row_out) {
        const Mode& h = l.h;
        const Index shared = std::max<Index>((h.taps - 1) * h.dilation + 1 - h.stride, 0);  // rows that neighbours read
        if ((l.p.in_channels + l.p.out_channels) * l.padded * Index(sizeof(T)) > SLAB_FACTORS) return;
        // The fewest parts that keep all threads busy; rows that two of them read are computed twice.
        for (Index n = 1; n <= most && (n - 1) * shared * SLACK <= h.size && !parts; ++n) {
            const Index items = l.p.batch * n, turns = (items + l.p.threads - 1) / l.p.threads;
            if ((turns * l.p.threads - items) * SLACK <= items) parts = n;
        }
        if (!parts) return;
        const Index fixed = shared * row_in, each = h.stride * row_in + row_out;
        const Index least = (SLAB_ROWS + l.w.out - 1) / l.w.out, all = (h.out + parts - 1) / parts;
        rows = std::min(std::max((SLAB - fixed) / each, least), all);
        window = l.reads(rows);
        if (fixed + rows * each > SLAB_MOST) parts = 0;
    }
};

// Rows of z of one sample, entered as they are needed, each in its place of a ring of `kept` rows.
template <typename T>
struct Entered {
    const Image<const T>& x;  // without data where z is there already
    const T* factor;
    T *z, *channels;
    Index kept, step;  // rows of a frame, numbers of a panel
    Index done = 0;    // rows entered

    // Numbers of a frame.
    Index plane(const Layer<T>& l) const { return kept * l.w.size * Vector<T>::panel; }

    // Enter rows [from, to) of all frames of sample b, but for those that are there.
    void enter_rows(const Layer<T>& l, Index b, Index from, Index to) {
        done = std::max(done, from);
        for (Index t = 0; x.data && t < l.d.size; ++t) {
            const Index begin = b * l.sample_in + t * l.plane_in;
            const Index next = t + 1 < l.d.size ? begin + l.plane_in + done * l.w.size : -1;
            for (Index line = done, end; line < to; line = end) {
                end = std::min(to, (line / kept + 1) * kept);  // where the ring begins anew
                enter(Alone{next}, begin + line * l.w.size, (end - line) * l.w.size, x, factor, l.panels,
                      z + t * plane(l) + line % kept * l.w.size * Vector<T>::panel, step, channels);
            }
        }
        done = std::max(done, to);
    }
};

// Memory of one thread.
template <typename T>
struct ForwardSlab {
    T *z, *frames, *out, *channels;

    ForwardSlab(Scratch& s, const Layer<T>& l, const Slabs& cut, bool has_z, Index channel_numbers) {
        const Index across = cut.rows * l.w.out;
        z = s.take<T>(has_z ? 0 : l.d.size * cut.window * l.w.size * l.padded);
        frames = s.take<T>(l.d.size * across * Vector<T>::panel);
        out = s.take<T>(l.d.out * across * l.padded);
        channels = s.take<T>(channel_numbers);
    }
};

// Output rows [first, last) of sample b.
template <typename T>
void slab_forward(const Layer<T>& l, const Forward<T>& o, const Slabs& cut, const ForwardSlab<T>& own, Index b,
                  Index first, Index last) {
    constexpr int P = Vector<T>::panel;
    const Index kept = o.z ? l.h.size : cut.window;
    Entered<T> z{o.x, o.entering, o.z ? o.z + b * l.sample_in * P : own.z, own.channels, kept,
                 (o.z ? l.p.batch * l.sample_in : l.d.size * kept * l.w.size) * P};
    for (; first < last; first += cut.rows) {
        const Rows r(l.h, first, std::min(first + cut.rows, last));
        const Index across = (r.last - r.first) * l.w.out, step = l.d.out * across * P;
        z.enter_rows(l, b, r.from, r.to);
        LAP(2);
        for (Index panel = 0; panel < l.panels; ++panel) {
            T *out = own.out + panel * step, *planar = o.temporal ? own.frames : out;
            for (Index t = 0; t < l.d.size; ++t)
                convolve_plane(l.h, l.w, r.first, r.last, z.z + panel * z.step + t * z.plane(l), kept,
                               o.taps.of(l, 1, panel), o.taps.of(l, 2, panel), planar + t * across * P);
            if (o.temporal) convolve(l.d, across, planar, across, o.taps.of(l, 0, panel), out, across);
        }
        LAP(3);
        for (Index t = 0; t < l.d.out; ++t)
            leave(Alone(), b * l.sample_out + t * l.plane_out + first * l.w.out, across, own.out + t * across * P, step,
                  l.panels, o.leaving, o.bias, o.y);
        LAP(4);
    }
}

// Memory of one thread. Of z, where it is computed once more, a whole sample; else what a slab has.
template <typename T>
struct BackwardSlab {
    Bands<T> bands;
    std::vector<Progress<T>> panels;
    T *z, *out, *grad_z, *grad_out, *channels;

    BackwardSlab(Scratch& s, const Layer<T>& l, const Slabs& cut, bool has_z, bool goes_on, Index channel_numbers)
        : bands(s, l, cut.rows, true) {
        for (Index panel = 0; panel < l.panels; ++panel) panels.emplace_back(s, l, cut.rows, true);
        // A gradient is complete, at the latest, with the last row that reads it.
        const Index complete = std::min(l.h.size, cut.window + cut.rows * l.h.stride);
        z = s.take<T>(has_z ? 0 : l.sample_in * l.padded);
        out = s.take<T>(l.d.out * cut.rows * l.w.out * l.padded);
        grad_z = s.take<T>(goes_on ? l.d.size * complete * l.w.size * l.padded : 0);
        grad_out = s.take<T>(l.d.out * cut.rows * l.w.out * l.padded);
        channels = s.take<T>(channel_numbers);
    }
};

// Gradients of sample b; those of the channel factors are added to the sums of a slice.
template <typename T>
void slab_backward(const Layer<T>& l, const Backward<T>& o, const Slabs& cut, BackwardSlab<T>& own, Index b, T* sums_u,
                   T* sums_v) {
    constexpr int P = Vector<T>::panel;
    const Mode &d = l.d, &h = l.h, &w = l.w;
    const Index sample = b * l.sample_in, all = l.p.batch * l.sample_in * P;
    Entered<T> z{o.x, o.entering, own.z, own.channels, h.size, l.sample_in * P};
    for (Progress<T>& panel : own.panels) panel.begin();
    for (Index first = 0, done = 0, complete; first < h.out; first += cut.rows, done = complete) {
        const Rows r(h, first, std::min(first + cut.rows, h.out));
        const Index across = (r.last - r.first) * w.out, out_step = d.out * across * P;
        complete = r.complete(h, done);
        const Index rows = (complete - done) * w.size, grad_step = d.size * rows * P;
        const Index begin = sample + done * w.size, begin_out = b * l.sample_out + first * w.out;
        if (!o.z) z.enter_rows(l, b, 0, std::max(r.to, complete));
        for (Index t = 0; t < d.out; ++t)
            enter(Alone{t + 1 < d.out ? begin_out + (t + 1) * l.plane_out : -1}, begin_out + t * l.plane_out, across,
                  o.grad, o.leaving, l.panels, own.grad_out + t * across * P, out_step, own.channels);
        for (Index panel = 0; panel < l.panels; ++panel) {
            const T* z_here = o.z ? o.z + sample * P + panel * all : z.z + panel * z.step;
            const Window<const T> entered{z_here, l.plane_in, w.size};
            const Window<T> grad{own.grad_out + panel * out_step, across, w.out, first};
            const Window<T> out{own.out + panel * out_step, across, w.out, first};
            const Window<T> grad_z = o.grad_z ? Window<T>{o.grad_z + sample * P + panel * all, l.plane_in, w.size}
                                              : Window<T>{own.grad_z + panel * grad_step, rows, w.size, done};
            differentiate_rows(l, o.taps, o.psi, panel, r, own.bands, own.panels[panel], o.temporal, entered, grad, out,
                               grad_z, o.sums_of(l, b, panel).of);
        }
        for (Index t = 0; t < d.out; ++t)
            add_outer(begin_out + t * l.plane_out, across, o.grad, own.out + t * across * P, out_step, 0, l.panels,
                      own.channels, sums_v);
        for (Index t = 0; !o.grad_z && t < d.size; ++t) {
            const T* grad_z = own.grad_z + t * rows * P;
            add_outer(begin + t * l.plane_in, rows, o.x, grad_z, grad_step, 0, l.panels, own.channels, sums_u);
            if (o.grad_x)
                leave<T>(Alone(), begin + t * l.plane_in, rows, grad_z, grad_step, l.panels, o.returning, nullptr,
                         {o.grad_x, o.x.channels, o.x.plane});
        }
    }
}

}  // namespace

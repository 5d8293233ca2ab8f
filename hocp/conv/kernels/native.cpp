// One CP convolution of order 1 to 3 on a processor, forward and backward.
//
//   x (B, D, H, W, C)  ->  z (B, D, H, W, R) = x U  ->  depthwise 1-D convolutions along W, H and D
//                      ->  y (B, D', H', W', T) = z V^T + bias
//
// x and y stand in memory like this, channels last, or as (B, C, D, H, W), channels first: `first` says so of x and its
// gradient, `y_first` and `grad_first` of y and of its gradient.
//
// All that lies between the two matrix products is apart for every rank component, so it is computed for a
// panel of components at a time: as many as two vector registers hold. A panel of one sample fits a core's
// cache, where the products put it and the 1-D convolutions find it. Modes that a layer lacks have size 1.
//
// Each function returns the bytes of memory that it needs where `memory` is null. z stands as (panels, batch, D,
// H, W, panel).
#include <omp.h>

#include "laps.h"
#include "samples.h"

namespace {

// z = x u.
template <typename T>
Index product_forward(const Problem& p, const T* x, Index first, const T* u, T* z, char* memory) {
    const Layer<T> l(p);
    Scratch scratch{memory};
    T* factor = scratch.take<T>(p.in_channels * l.padded);
    const Index own = ROW_BLOCK * p.in_channels;
    T* owns = scratch.take<T>(p.threads * own);
    if (!memory) return scratch.used;
    const Index rows = p.batch * l.sample_in;
    const Image<const T> image{x, p.in_channels, first ? l.sample_in : 0};
#pragma omp parallel num_threads(p.threads)
    {
        pack_panels(u, p.in_channels, p.rank, factor);
        enter(rows, image, factor, l.panels, z, rows * Vector<T>::panel, owns + omp_get_thread_num() * own);
    }
    return 0;
}

// Gradients of x (where it is wanted) and u from that of z.
template <typename T>
Index product_backward(const Problem& p, const T* x, Index first, const T* u, const T* grad_z, T* grad_x, T* grad_u,
                       char* memory) {
    constexpr int P = Vector<T>::panel;
    const Layer<T> l(p);
    const Index C = p.in_channels, padded = (C + P - 1) / P * P, rows = p.batch * l.sample_in, step = rows * P;
    const Shares shares(l.panels, p.threads);
    Scratch scratch{memory};
    T* factor = scratch.take<T>(padded * l.padded);
    const Index count = shares.slices * l.padded * padded, own = OUTER_DEPTH * padded;
    T* sums = scratch.take<T>(count);
    T* owns = scratch.take<T>(p.threads * own);
    if (!memory) return scratch.used;
    const Image<const T> image{x, C, first ? l.sample_in : 0};
#pragma omp parallel num_threads(p.threads)
    {
        clear(sums, count);
        pack_transposed(u, C, p.rank, l.padded, factor);
        add_outer(rows, image, grad_z, step, l.panels, shares, owns + omp_get_thread_num() * own, sums);
        if (grad_x) leave<T>(rows, grad_z, step, l.panels, factor, nullptr, {grad_x, C, image.plane});
        unpack_sums(sums, shares.slices, l.padded * padded, padded * P, C, p.rank, grad_u);
    }
    return 0;
}

// y from x; or from z where x is null; z is kept where it is given.
template <typename T>
Index forward(const Problem& p, const T* x, Index first, const T* u, const T* weights, const T* const* f, const T* v,
              const T* bias, const T* scale, const T* shift, Index relu, T* y, Index y_first, T* z, char* memory) {
    constexpr int P = Vector<T>::panel;
    const Layer<T> l(p);
    const Index C = p.in_channels, O = p.out_channels, columns = (O + P - 1) / P * P;
    const Image<const T> in{x, C, first ? l.sample_in : 0};
    const Image<T> result{y, O, y_first ? l.sample_out : 0};
    Scratch scratch{memory};
    Taps<T> taps(scratch, l);
    T* entering = scratch.take<T>(x ? C * l.padded : 0);
    T* leaving = scratch.take<T>(columns * l.padded);
    T* between = scratch.take<T>(z ? 0 : l.samples * l.sample_in * l.padded);
    T* out = scratch.take<T>(l.samples * l.sample_out * l.padded);
    const Activation<T> psi{scale, shift, relu != 0, scratch.take<T>(2 * l.padded)};
    const Index before = scratch.used;
    Bands<T>(scratch, l, false);
    scratch.take<T>(x ? ROW_BLOCK * C : 0);
    const Index own_bytes = scratch.used - before;
    if (!memory) return before + p.threads * own_bytes;

#pragma omp parallel num_threads(p.threads)
    {
        Scratch mine{memory + before + omp_get_thread_num() * own_bytes};
        const Bands<T> own(mine, l, false);
        T* channels = mine.take<T>(x ? ROW_BLOCK * C : 0);
        LAP(0);
        taps.fill(l, f, weights);
        psi.fill(p.rank, l.padded);
        if (x) pack_panels(u, C, p.rank, entering);
        pack_transposed(v, O, p.rank, l.padded, leaving);
        LAP(1);
        for (Index from = 0; from < p.batch; from += l.samples) {
            const Index count = std::min(l.samples, p.batch - from);
            const Index step = (z ? p.batch : count) * l.sample_in * P, out_step = count * l.sample_out * P;
            T* here = z ? z + from * l.sample_in * P : between;
            if (x) enter(count * l.sample_in, in.from(from * l.sample_in), entering, l.panels, here, step, channels);
            LAP(2);
#pragma omp for schedule(dynamic)
            for (Index item = 0; item < count * l.panels; ++item) {
                const Index b = item / l.panels, panel = item % l.panels;
                convolve_sample(l, taps, psi, panel, own, f[0] != nullptr, here + panel * step + b * l.sample_in * P,
                                out + panel * out_step + b * l.sample_out * P);
            }
            LAP(3);
            leave(count * l.sample_out, out, out_step, l.panels, leaving, bias, result.from(from * l.sample_out));
            LAP(4);
        }
    }
    return 0;
}

// Gradients of all that `forward` takes. Where x is null they end at z, and `grad_z` takes that of z; else z may
// be null, and is computed once more.
template <typename T>
Index backward(const Problem& p, const T* x, Index first, const T* u, const T* weights, const T* const* f, const T* v,
               const T* scale, const T* shift, Index relu, const T* z, const T* grad, Index grad_first, T* grad_x,
               T* grad_u, T* grad_weights, T* const* grad_f, T* grad_v, T* grad_scale, T* grad_shift, T* grad_z,
               char* memory) {
    constexpr int P = Vector<T>::panel;
    const Layer<T> l(p);
    const Index C = x ? p.in_channels : 0, O = p.out_channels, C_padded = (C + P - 1) / P * P, O_padded = (O + P - 1) / P * P;
    const Image<const T> in{x, C, first ? l.sample_in : 0}, result{grad, O, grad_first ? l.sample_out : 0};
    const Index all_taps = l.d.taps + l.h.taps + l.w.taps + 2;  // and scale and shift
    const Shares shares(l.panels, p.threads);
    Scratch scratch{memory};
    Taps<T> taps(scratch, l);
    T* entering = scratch.take<T>(z ? 0 : C * l.padded);
    T* returning = scratch.take<T>(C_padded * l.padded);
    T* leaving = scratch.take<T>(O * l.padded);
    T* between = scratch.take<T>(z ? 0 : l.samples * l.sample_in * l.padded);
    T* out = scratch.take<T>(l.samples * l.sample_out * l.padded);
    T* grad_between = scratch.take<T>(x ? l.samples * l.sample_in * l.padded : 0);
    T* grad_out = scratch.take<T>(l.samples * l.sample_out * l.padded);
    const Activation<T> psi{scale, shift, relu != 0, scratch.take<T>(2 * l.padded)};
    const Index counts[] = {shares.slices * l.padded * C_padded, shares.slices * l.padded * O_padded,
                            p.batch * l.padded * all_taps};
    T *sums_u = scratch.take<T>(counts[0]), *sums_v = scratch.take<T>(counts[1]), *sums_f = scratch.take<T>(counts[2]);
    const Index before = scratch.used;
    Bands<T>(scratch, l, true);
    constexpr Index most = std::max(OUTER_DEPTH, ROW_BLOCK);
    scratch.take<T>(most * std::max(C_padded, O_padded));
    const Index own_bytes = scratch.used - before;
    if (!memory) return before + p.threads * own_bytes;

#pragma omp parallel num_threads(p.threads)
    {
        Scratch mine{memory + before + omp_get_thread_num() * own_bytes};
        const Bands<T> own(mine, l, true);
        T* channels = mine.take<T>(most * std::max(C_padded, O_padded));
        clear(sums_u, sums_f + counts[2] - sums_u);
        taps.fill(l, f, weights);
        psi.fill(p.rank, l.padded);
        if (!z) pack_panels(u, C, p.rank, entering);
        if (x) pack_transposed(u, C, p.rank, l.padded, returning);
        pack_panels(v, O, p.rank, leaving);
        for (Index from = 0; from < p.batch; from += l.samples) {
            const Index count = std::min(l.samples, p.batch - from), rows = count * l.sample_in;
            const Index rows_out = count * l.sample_out, out_step = rows_out * P, all = p.batch * l.sample_in * P;
            const Index step = z ? all : rows * P, grad_step = x ? rows * P : all;
            const Image<const T> x_here = in.from(from * l.sample_in), grad_here = result.from(from * l.sample_out);
            const T* z_here = z ? z + from * l.sample_in * P : between;
            T* grad_z_here = x ? grad_between : grad_z + from * l.sample_in * P;
            if (!z) enter(rows, x_here, entering, l.panels, between, step, channels);
            enter(rows_out, grad_here, leaving, l.panels, grad_out, out_step, channels);
#pragma omp for schedule(dynamic)
            for (Index item = 0; item < count * l.panels; ++item) {
                const Index b = item / l.panels, panel = item % l.panels;
                T* sum = sums_f + ((from + b) * l.panels + panel) * all_taps * P;
                T* const sums[] = {sum, sum + l.d.taps * P, sum + (l.d.taps + l.h.taps) * P, sum + (all_taps - 2) * P};
                const Index at = b * l.sample_in * P, at_out = panel * out_step + b * l.sample_out * P;
                differentiate_sample(l, taps, psi, panel, own, f[0] != nullptr, z_here + panel * step + at,
                                     grad_out + at_out, out + at_out, grad_z_here + panel * grad_step + at, sums);
            }
            if (x) add_outer(rows, x_here, grad_z_here, grad_step, l.panels, shares, channels, sums_u);
            add_outer(rows_out, grad_here, out, out_step, l.panels, shares, channels, sums_v);
            const Image<T> grad_x_here = Image<T>{grad_x, C, in.plane}.from(from * l.sample_in);
            if (grad_x) leave<T>(rows, grad_z_here, grad_step, l.panels, returning, nullptr, grad_x_here);
        }
        if (x) unpack_sums(sums_u, shares.slices, l.padded * C_padded, C_padded * P, C, p.rank, grad_u);
        unpack_sums(sums_v, shares.slices, l.padded * O_padded, O_padded * P, O, p.rank, grad_v);
        T* const grads[] = {grad_f[0], grad_f[1], grad_f[2], grad_scale, grad_shift};
        const Index rows_of[] = {l.d.taps, l.h.taps, l.w.taps, 1, 1};
        const T* sum = sums_f;
        for (int m = 0; m < 5; sum += rows_of[m++] * P)
            if (grads[m]) unpack_sums(sum, p.batch, l.padded * all_taps, all_taps * P, rows_of[m], p.rank, grads[m]);
        // Those of the height are of its taps times lambda.
#pragma omp for schedule(static)
        for (Index r = 0; r < p.rank; ++r) {
            grad_weights[r] = 0;
            for (Index at = r; at < l.h.taps * p.rank; at += p.rank)
                grad_weights[r] += grad_f[1][at] * f[1][at], grad_f[1][at] *= weights[r];
        }
    }
    return 0;
}

}  // namespace

// Components of a panel of numbers of so many bytes.
extern "C" Index hocp_panel(Index bytes) { return 2 * VECTOR_BYTES / bytes; }

#define EXPORT(T)                                                                                                     \
    extern "C" Index hocp_product_##T(const Problem* p, const T* x, Index first, const T* u, T* z, char* memory) {    \
        return product_forward(*p, x, first, u, z, memory);                                                           \
    }                                                                                                                 \
    extern "C" Index hocp_product_backward_##T(const Problem* p, const T* x, Index first, const T* u,                 \
                                               const T* grad_z, T* grad_x, T* grad_u, char* memory) {                 \
        return product_backward(*p, x, first, u, grad_z, grad_x, grad_u, memory);                                     \
    }                                                                                                                 \
    extern "C" Index hocp_forward_##T(const Problem* p, const T* x, Index first, const T* u, const T* weights,        \
                                      const T* const* f, const T* v, const T* bias, const T* scale, const T* shift,   \
                                      Index relu, T* y, Index y_first, T* z, char* memory) {                          \
        return forward(*p, x, first, u, weights, f, v, bias, scale, shift, relu, y, y_first, z, memory);              \
    }                                                                                                                 \
    extern "C" Index hocp_backward_##T(const Problem* p, const T* x, Index first, const T* u, const T* weights,       \
                                       const T* const* f, const T* v, const T* scale, const T* shift, Index relu,     \
                                       const T* z, const T* grad, Index grad_first, T* grad_x, T* grad_u,             \
                                       T* grad_weights, T* const* grad_f, T* grad_v, T* grad_scale, T* grad_shift,    \
                                       T* grad_z, char* memory) {                                                     \
        return backward(*p, x, first, u, weights, f, v, scale, shift, relu, z, grad, grad_first, grad_x, grad_u,      \
                        grad_weights, grad_f, grad_v, grad_scale, grad_shift, grad_z, memory);                        \
    }

EXPORT(float)
EXPORT(double)

// One CP convolution of order 1 to 3 on a processor, forward and backward.
//
//   x (B, D, H, W, C)  ->  z (B, D, H, W, R) = x U  ->  depthwise 1-D convolutions along W, H and D
//                      ->  y (B, D', H', W', T) = z V^T + bias
//
// x and y stand in memory like this, channels last, or as (B, C, D, H, W), channels first: `first` says so of x and its
// gradient, `y_first` and `grad_first` of y and of its gradient.
//
// All that lies between the two matrix products is apart for every rank component, so it is computed for a
// panel of components at a time: as many as two vector registers hold. Threads take slabs of rows through all of
// it, each for itself, or share one stage after the other; see `slabs.h` and `stages.h`. Modes that a layer lacks
// have size 1.
//
// Each function returns the bytes of memory that it needs where `memory` is null. z stands as (panels, batch, D,
// H, W, panel).
#include <omp.h>

#include "slabs.h"
#include "stages.h"

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
        T* channels = owns + omp_get_thread_num() * own;
        enter(Together(), 0, rows, image, factor, l.panels, z, rows * Vector<T>::panel, channels);
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
        add_outer_shared(0, rows, image, grad_z, step, l.panels, shares, owns + omp_get_thread_num() * own, sums);
        if (grad_x) leave<T>(Together(), 0, rows, grad_z, step, l.panels, factor, nullptr, {grad_x, C, image.plane});
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
    const Activation<T> psi{scale, shift, relu != 0, scratch.take<T>(2 * l.padded)};
    const Slabs cut = Slabs::forward(l, !psi.none());
    const Between<T> between(scratch, l, cut.parts ? 0 : l.samples, z);
    const Index before = scratch.used, channel_numbers = x ? ROW_BLOCK * C : 0;
    if (cut.parts)
        ForwardSlab<T>(scratch, l, cut, z, channel_numbers);
    else
        Own<T>(scratch, l, false, channel_numbers);
    const Index own_bytes = scratch.used - before;
    if (!memory) return before + p.threads * own_bytes;

    const Forward<T> all{in, entering, leaving, bias, taps, psi, f[0] != nullptr, z, result};
#pragma omp parallel num_threads(p.threads)
    {
        LAP(0);
        taps.fill(l, f, weights);
        psi.fill(p.rank, l.padded);
        if (x) pack_panels(u, C, p.rank, entering);
        pack_transposed(v, O, p.rank, l.padded, leaving);
        LAP(1);
        Scratch mine{memory + before + omp_get_thread_num() * own_bytes};
        if (cut.parts) {
            const ForwardSlab<T> own(mine, l, cut, z, channel_numbers);
#pragma omp for schedule(dynamic)
            for (Index item = 0; item < p.batch * cut.parts; ++item) {
                const Index b = item / cut.parts, part = item % cut.parts;
                slab_forward(l, all, cut, own, b, l.h.out * part / cut.parts, l.h.out * (part + 1) / cut.parts);
            }
        } else {
            Own<T> own(mine, l, false, channel_numbers);
            staged_forward(l, all, between, own);
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
    const Index C = x ? p.in_channels : 0, O = p.out_channels;
    const Index C_padded = (C + P - 1) / P * P, O_padded = (O + P - 1) / P * P;
    const Image<const T> in{x, C, first ? l.sample_in : 0}, result{grad, O, grad_first ? l.sample_out : 0};
    const Slabs cut = Slabs::backward(l);
    const Shares shares(l.panels, p.threads);
    const Index slices = cut.parts ? p.threads : shares.slices, samples = cut.parts ? 0 : l.samples;
    const Index all_taps = Backward<T>::taps_of(l);
    Scratch scratch{memory};
    Taps<T> taps(scratch, l);
    T* entering = scratch.take<T>(z ? 0 : C * l.padded);
    T* returning = scratch.take<T>(C_padded * l.padded);
    T* leaving = scratch.take<T>(O * l.padded);
    Between<T> between(scratch, l, samples, z);
    between.take_gradients(scratch, l, samples, x);
    const Activation<T> psi{scale, shift, relu != 0, scratch.take<T>(2 * l.padded)};
    const Index count_u = l.padded * C_padded, count_v = l.padded * O_padded, count_f = p.batch * l.padded * all_taps;
    T *sums_u = scratch.take<T>(slices * count_u), *sums_v = scratch.take<T>(slices * count_v);
    T* sums_f = scratch.take<T>(count_f);
    const Index channel_numbers = std::max(OUTER_DEPTH, ROW_BLOCK) * std::max(C_padded, O_padded);
    const Index before = scratch.used;
    if (cut.parts)
        BackwardSlab<T>(scratch, l, cut, z, x, channel_numbers);
    else
        Own<T>(scratch, l, true, channel_numbers);
    const Index own_bytes = scratch.used - before;
    if (!memory) return before + p.threads * own_bytes;

    const Backward<T> all{in, result, entering, returning, leaving, taps, psi, f[0] != nullptr, z,
                          grad_x, x ? nullptr : grad_z, sums_u, sums_v, sums_f};
#pragma omp parallel num_threads(p.threads)
    {
        clear(sums_u, sums_f + count_f - sums_u);
        taps.fill(l, f, weights);
        psi.fill(p.rank, l.padded);
        if (!z) pack_panels(u, C, p.rank, entering);
        if (x) pack_transposed(u, C, p.rank, l.padded, returning);
        pack_panels(v, O, p.rank, leaving);
        Scratch mine{memory + before + omp_get_thread_num() * own_bytes};
        if (cut.parts) {
            BackwardSlab<T> own(mine, l, cut, z, x, channel_numbers);
            const Index slice = omp_get_thread_num();
#pragma omp for schedule(static)  // sums in a fixed order
            for (Index b = 0; b < p.batch; ++b)
                slab_backward(l, all, cut, own, b, sums_u + slice * count_u, sums_v + slice * count_v);
        } else {
            Own<T> own(mine, l, true, channel_numbers);
            staged_backward(l, all, between, shares, own);
        }
        if (x) unpack_sums(sums_u, slices, count_u, C_padded * P, C, p.rank, grad_u);
        unpack_sums(sums_v, slices, count_v, O_padded * P, O, p.rank, grad_v);
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

// 1-D convolutions of a panel along one mode, and their gradients.
#pragma once
#include "layer.h"

namespace {

// Outputs of a mode for which all taps stand inside the input: [first, last).
struct Inside {
    Index first, last;
};

inline Inside inside(const Mode& m) {
    const Index reach = (m.taps - 1) * m.dilation;
    const Index first = std::clamp((m.before + m.stride - 1) / m.stride, Index(0), m.out);
    const Index last = m.size - 1 - reach + m.before < 0 ? 0 : (m.size - 1 - reach + m.before) / m.stride + 1;
    return {first, std::max(first, std::min(last, m.out))};
}

// out[q] = sum_k f[k] in[q step + k apart], for `count` positions of a panel; strides in positions.
template <typename T, int TAPS>
inline void run_taps(Index count, const T* in, Index step, Index apart, const T* f, Index taps, T* out) {
    using V = typename Vector<T>::type;
    constexpr int L = Vector<T>::lanes, P = 2 * L;
    const Index n = TAPS ? TAPS : taps;
    if constexpr (TAPS > 0) {
        V held[TAPS][2];
        for (int k = 0; k < TAPS; ++k) held[k][0] = *(const V*)(f + k * P), held[k][1] = *(const V*)(f + k * P + L);
        for (Index q = 0; q < count; ++q, in += step * P, out += P) {
            V s0 = held[0][0] * *(const V*)in, s1 = held[0][1] * *(const V*)(in + L);
#pragma GCC unroll 8
            for (int k = 1; k < TAPS; ++k) {
                s0 += held[k][0] * *(const V*)(in + k * apart * P);
                s1 += held[k][1] * *(const V*)(in + k * apart * P + L);
            }
            *(V*)out = s0;
            *(V*)(out + L) = s1;
        }
    } else {
        for (Index q = 0; q < count; ++q, in += step * P, out += P) {
            V s0 = {}, s1 = {};
            for (Index k = 0; k < n; ++k) {
                s0 += *(const V*)(f + k * P) * *(const V*)(in + k * apart * P);
                s1 += *(const V*)(f + k * P + L) * *(const V*)(in + k * apart * P + L);
            }
            *(V*)out = s0;
            *(V*)(out + L) = s1;
        }
    }
}

template <typename T>
inline void taps_of(Index count, const T* in, Index step, Index apart, const T* f, Index taps, T* out) {
    switch (taps) {
        case 1: return run_taps<T, 1>(count, in, step, apart, f, taps, out);
        case 2: return run_taps<T, 2>(count, in, step, apart, f, taps, out);
        case 3: return run_taps<T, 3>(count, in, step, apart, f, taps, out);
        default: return run_taps<T, 0>(count, in, step, apart, f, taps, out);
    }
}

// Taps of output j that stand inside the input: [first, last).
inline Inside taps_inside(const Mode& m, Index j) {
    const Index start = j * m.stride - m.before;
    const Index first = start >= 0 ? 0 : (-start + m.dilation - 1) / m.dilation;
    const Index last = start > m.size - 1 ? 0 : (m.size - 1 - start) / m.dilation + 1;
    return {std::min(first, m.taps), std::max(std::min(first, m.taps), std::min(last, m.taps))};
}

// out[j] = sum_k f[k] in[j stride - before + k dilation], each entry `inner` positions of a panel; entries of
// the input stand `in_step` positions apart, those of the output `out_step`.
template <typename T>
void convolve(const Mode& m, Index inner, const T* in, Index in_step, const T* f, T* out, Index out_step) {
    constexpr int P = Vector<T>::panel;
    auto one = [&](Index j) {
        const Inside k = taps_inside(m, j);
        T* to = out + j * out_step * P;
        if (k.first == k.last) return (void)std::memset(to, 0, sizeof(T) * inner * P);
        const Index at = j * m.stride - m.before + k.first * m.dilation;
        taps_of(inner, in + at * in_step * P, 1, m.dilation * in_step, f + k.first * P, k.last - k.first, to);
    };
    const bool flat = in_step == inner && out_step == inner && (m.stride == 1 || inner == 1);
    const Inside whole = flat ? inside(m) : Inside{m.out, m.out};
    for (Index j = 0; j < whole.first; ++j) one(j);
    if (whole.first < whole.last)
        taps_of((whole.last - whole.first) * inner, in + (whole.first * m.stride - m.before) * in_step * P,
                m.stride, m.dilation * in_step, f, m.taps, out + whole.first * out_step * P);
    for (Index j = whole.last; j < m.out; ++j) one(j);
}

// Whether `convolve_plane` knows the modes.
inline bool plane_fits(const Mode& h, const Mode& w) {
    return h.taps <= 3 && w.taps == 3 && w.stride == 1 && w.dilation == 1 && w.before <= 2;
}

// One row of what `convolve` makes of the height and then of the width. What lies between the two stays in registers.
// The first N taps `down` meet the rows `in`.
template <typename T, int N>
inline void run_row(const Mode& w, const T* const* in, const T* down, const T* along, T* out) {
    using V = typename Vector<T>::type;
    constexpr int L = Vector<T>::lanes, P = 2 * L;
    for (int half = 0; half < P; half += L) {
        V g[N], f[3];
        const T* rows[N];
        for (int k = 0; k < N; ++k) g[k] = *(const V*)(down + k * P + half), rows[k] = in[k] + half;
        for (int k = 0; k < 3; ++k) f[k] = *(const V*)(along + k * P + half);
        auto summed = [&](Index q) {
            V sum = g[0] * *(const V*)(rows[0] + q * P);
#pragma GCC unroll 4
            for (int k = 1; k < N; ++k) sum += g[k] * *(const V*)(rows[k] + q * P);
            return sum;
        };
        auto padded = [&](Index q) { return q >= 0 && q < w.size ? summed(q) : V{}; };
        V left = padded(-w.before), here = padded(1 - w.before);
        T* to = out + half;
        auto step = [&](V right) {
            *(V*)to = f[0] * left + f[1] * here + f[2] * right;
            left = here, here = right, to += P;
        };
        const Index first = 2 - w.before, last = first + w.out, end = std::min(last, w.size);
        for (Index q = first; q < end; ++q) step(summed(q));
        for (Index q = std::max(first, end); q < last; ++q) step(V{});
    }
}

// Rows [first, last) of what `convolve` makes of height and width. Row n of the input stands in place n % kept.
template <typename T>
void convolve_plane(const Mode& h, const Mode& w, Index first, Index last, const T* in, Index kept, const T* down,
                    const T* along, T* out) {
    constexpr int P = Vector<T>::panel;
    for (Index j = first; j < last; ++j, out += w.out * P) {
        const Inside k = taps_inside(h, j);
        const T *rows[3], *taps = down + k.first * P;
        for (Index n = k.first; n < k.last; ++n)
            rows[n - k.first] = in + (j * h.stride - h.before + n * h.dilation) % kept * w.size * P;
        switch (k.last - k.first) {
            case 0: std::memset(out, 0, sizeof(T) * w.out * P); break;
            case 1: run_row<T, 1>(w, rows, taps, along, out); break;
            case 2: run_row<T, 2>(w, rows, taps, along, out); break;
            default: run_row<T, 3>(w, rows, taps, along, out);
        }
    }
}

// Gradient of the input of `convolve`, entries [first, first + count), from entries [grad_first, ...) of the
// output's gradient, of which there are `grad_count`.
template <typename T>
void transposed(const Mode& m, Index inner, const T* grad, Index grad_step, Index grad_first, Index grad_count,
                const T* f, const T* reversed, Index first, Index count, T* out, Index out_step) {
    using V = typename Vector<T>::type;
    constexpr int L = Vector<T>::lanes, P = 2 * L;
    if (m.stride == 1) {
        const Index before = (m.taps - 1) * m.dilation - m.before + grad_first - first;
        return convolve(Mode{grad_count, count, m.taps, 1, m.dilation, before}, inner, grad, grad_step, reversed,
                        out, out_step);
    }
    for (Index l = 0; l < count; ++l) {
        T* to = out + l * out_step * P;
        std::memset(to, 0, sizeof(T) * inner * P);
        for (Index k = 0; k < m.taps; ++k) {
            const Index at = first + l + m.before - k * m.dilation, j = at / m.stride - grad_first;
            if (at < 0 || at % m.stride || j < 0 || j >= grad_count) continue;
            const T* from = grad + j * grad_step * P;
            const V f0 = *(const V*)(f + k * P), f1 = *(const V*)(f + k * P + L);
            for (Index q = 0; q < inner * P; q += P) {
                *(V*)(to + q) += f0 * *(const V*)(from + q);
                *(V*)(to + q + L) += f1 * *(const V*)(from + q + L);
            }
        }
    }
}

// sums[k] += sum_q grad[q] in[q step + k apart], for `count` positions of a panel.
template <typename T, int TAPS>
inline void run_dots(Index count, const T* in, Index step, Index apart, const T* grad, Index taps, T* sums) {
    using V = typename Vector<T>::type;
    constexpr int L = Vector<T>::lanes, P = 2 * L;
    if constexpr (TAPS > 0) {
        V s[TAPS][2];
        for (int k = 0; k < TAPS; ++k) s[k][0] = *(V*)(sums + k * P), s[k][1] = *(V*)(sums + k * P + L);
        for (Index q = 0; q < count; ++q, in += step * P, grad += P) {
            const V g0 = *(const V*)grad, g1 = *(const V*)(grad + L);
#pragma GCC unroll 8
            for (int k = 0; k < TAPS; ++k) {
                s[k][0] += g0 * *(const V*)(in + k * apart * P);
                s[k][1] += g1 * *(const V*)(in + k * apart * P + L);
            }
        }
        for (int k = 0; k < TAPS; ++k) *(V*)(sums + k * P) = s[k][0], *(V*)(sums + k * P + L) = s[k][1];
    } else {
        for (Index k = 0; k < taps; ++k) run_dots<T, 1>(count, in + k * apart * P, step, apart, grad, 1, sums + k * P);
    }
}

template <typename T>
inline void dots_of(Index count, const T* in, Index step, Index apart, const T* grad, Index taps, T* sums) {
    if (count <= 0) return;
    switch (taps) {
        case 2: return run_dots<T, 2>(count, in, step, apart, grad, taps, sums);
        case 3: return run_dots<T, 3>(count, in, step, apart, grad, taps, sums);
        default: return run_dots<T, 0>(count, in, step, apart, grad, taps, sums);
    }
}

// Gradient of the taps (taps, panel) of `convolve`, added to `sums`.
template <typename T>
void correlate(const Mode& m, Index inner, const T* in, Index in_step, const T* grad, Index grad_step, T* sums) {
    constexpr int P = Vector<T>::panel;
    auto one = [&](Index j) {
        const Inside k = taps_inside(m, j);
        const Index at = j * m.stride - m.before + k.first * m.dilation;
        dots_of(k.first < k.last ? inner : 0, in + at * in_step * P, 1, m.dilation * in_step,
                grad + j * grad_step * P, k.last - k.first, sums + k.first * P);
    };
    const bool flat = in_step == inner && grad_step == inner && (m.stride == 1 || inner == 1);
    const Inside whole = flat ? inside(m) : Inside{m.out, m.out};
    for (Index j = 0; j < whole.first; ++j) one(j);
    if (whole.first < whole.last)
        dots_of((whole.last - whole.first) * inner, in + (whole.first * m.stride - m.before) * in_step * P,
                m.stride, m.dilation * in_step, grad + whole.first * grad_step * P, m.taps, sums);
    for (Index j = whole.last; j < m.out; ++j) one(j);
}

}  // namespace

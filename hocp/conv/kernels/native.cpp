// One CP convolution of order 1 to 3 on a processor, forward and backward, for channels-last tensors.
//
//   x (B, D, H, W, C)  ->  z (B, D, H, W, R) = x U  ->  depthwise 1-D convolutions along W, H and D
//                      ->  y (B, D', H', W', T) = z V^T + bias
//
// All that lies between the two matrix products is apart for every rank component, so it is computed for a
// panel of components at a time: as many as two vector registers hold. A panel of one sample fits a core's
// cache, where the products put it and the 1-D convolutions find it. Modes that a layer lacks have size 1.
#include <algorithm>
#include <cstring>
#include <omp.h>

namespace {

using Index = long long;

#if defined(__AVX512F__)
constexpr int VECTOR_BYTES = 64, MOST_ROWS = 12;  // of a tile of a product: all registers but those of operands
#else
constexpr int VECTOR_BYTES = 32, MOST_ROWS = 6;
#endif
constexpr Index DEPTH = 256;         // of a product at a time: its right side then stays in the first cache
constexpr Index OUTER_DEPTH = 96;    // of a product that sums over positions
constexpr Index ROW_BLOCK = 96;      // rows of a product at a time: its left side then stays in the second cache
constexpr Index BAND = 192 << 10;    // bytes of one buffer of the 1-D convolutions: a few fit the second cache
constexpr Index SHARED = 1 << 20;    // bytes of the rank space between the products: about what the second caches hold

template <typename T>
struct Vector {
    typedef T type __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(T)), may_alias));
    static constexpr int lanes = VECTOR_BYTES / sizeof(T);
    static constexpr int panel = 2 * lanes;
};

struct Mode {
    Index size, out, taps, stride, dilation, before;  // `before`: zeros in front
};

}  // namespace

extern "C" {
struct Problem {
    Index batch, in_channels, out_channels, rank;
    Mode modes[3];  // time, height, width
    Index threads;
};
}

namespace {

template <typename T>
struct Layer {
    static constexpr int P = Vector<T>::panel;
    const Problem& p;
    const Mode &d, &h, &w;
    Index plane_in, plane_out, sample_in, sample_out;  // positions of a frame and of a sample
    Index panels, padded;                              // of the rank, padded to whole panels
    Index samples;                                     // between the two products at a time
    Index band, window;                                // output rows convolved together, input rows they read

    explicit Layer(const Problem& p) : p(p), d(p.modes[0]), h(p.modes[1]), w(p.modes[2]) {
        plane_in = h.size * w.size, plane_out = h.out * w.out;
        sample_in = d.size * plane_in, sample_out = d.out * plane_out;
        panels = (p.rank + P - 1) / P, padded = panels * P;
        const Index bytes = (sample_in + sample_out) * padded * sizeof(T), busy = (2 * p.threads + panels - 1) / panels;
        samples = std::clamp<Index>(std::max(SHARED / bytes, busy), 1, std::max<Index>(p.batch, 1));
        const Index row = std::max(d.size, d.out) * std::max(w.size, w.out) * P * sizeof(T);
        band = std::clamp<Index>(BAND / row, 1, h.out);
        window = std::min(h.size, (band - 1) * h.stride + (h.taps - 1) * h.dilation + 1);
    }
};

// Matrix products ---------------------------------------------------------------------------------------

// Where the element (row m, depth k = j * depth + i) of a left side stands: m row + i inner + j outer.
struct Left {
    Index row, inner, outer, blocks, depth;
};

template <typename T, int ROWS>
inline void tile(const T* a, const Left& l, const T* b, T* c, Index c_row, const T* start) {
    using V = typename Vector<T>::type;
    constexpr int L = Vector<T>::lanes;
    V sum[ROWS][2];
#pragma GCC unroll 16
    for (int m = 0; m < ROWS; ++m) {
        const T* from = start ? start : c + m * c_row;
        sum[m][0] = *(const V*)from;
        sum[m][1] = *(const V*)(from + L);
    }
    for (Index j = 0; j < l.blocks; ++j) {
        const T* left = a + j * l.outer;
        for (Index i = 0; i < l.depth; ++i, left += l.inner, b += 2 * L) {
            const V b0 = *(const V*)b, b1 = *(const V*)(b + L);
#pragma GCC unroll 16
            for (int m = 0; m < ROWS; ++m) {
                const T factor = left[m * l.row];
                sum[m][0] += factor * b0;
                sum[m][1] += factor * b1;
            }
        }
    }
#pragma GCC unroll 16
    for (int m = 0; m < ROWS; ++m) {
        *(V*)(c + m * c_row) = sum[m][0];
        *(V*)(c + m * c_row + L) = sum[m][1];
    }
}

template <typename T, int ROWS = MOST_ROWS>
void tile_of(Index rows, const T* a, const Left& l, const T* b, T* c, Index c_row, const T* start) {
    if (rows == ROWS)
        tile<T, ROWS>(a, l, b, c, c_row, start);
    else if constexpr (ROWS > 1)
        tile_of<T, ROWS - 1>(rows, a, l, b, c, c_row, start);
}

// c (rows, panel) = start + a b, or c + a b without a start; b (depth, panel) is packed.
template <typename T>
void product(Index rows, const T* a, const Left& l, const T* b, T* c, Index c_row, const T* start) {
    const Index tiles = (rows + MOST_ROWS - 1) / MOST_ROWS;
    for (Index k = 0, step; k < l.depth; k += step) {
        step = l.blocks > 1 ? l.depth : std::min(DEPTH, l.depth - k);
        const Left part{l.row, l.inner, l.outer, l.blocks, step};
        for (Index n = 0, m = 0; n < tiles; ++n) {  // tiles of about equal height
            const Index height = (rows - m + tiles - n - 1) / (tiles - n);
            tile_of<T>(height, a + m * l.row + k * l.inner, part, b + k * Vector<T>::panel, c + m * c_row,
                       c_row, k ? nullptr : start);
            m += height;
        }
    }
}

template <typename T>
const T* zeros() {
    static const T none[Vector<T>::panel] = {};
    return none;
}

// 1-D convolutions of a panel -----------------------------------------------------------------------------

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
    const bool flat = inner == 1 || (m.stride == 1 && in_step == inner && out_step == inner);
    const Inside whole = flat ? inside(m) : Inside{m.out, m.out};
    for (Index j = 0; j < whole.first; ++j) one(j);
    if (whole.first < whole.last)
        taps_of((whole.last - whole.first) * inner, in + (whole.first * m.stride - m.before) * in_step * P,
                m.stride, m.dilation * in_step, f, m.taps, out + whole.first * out_step * P);
    for (Index j = whole.last; j < m.out; ++j) one(j);
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
    const bool flat = inner == 1 || (m.stride == 1 && in_step == inner && grad_step == inner);
    const Inside whole = flat ? inside(m) : Inside{m.out, m.out};
    for (Index j = 0; j < whole.first; ++j) one(j);
    if (whole.first < whole.last)
        dots_of((whole.last - whole.first) * inner, in + (whole.first * m.stride - m.before) * in_step * P,
                m.stride, m.dilation * in_step, grad + whole.first * grad_step * P, m.taps, sums);
    for (Index j = whole.last; j < m.out; ++j) one(j);
}

// Packing -------------------------------------------------------------------------------------------------

// (rows, rank) -> (panels, rows, panel), zeros behind the last component.
template <typename T>
void pack_panels(const T* matrix, Index rows, Index rank, T* packed) {
    constexpr int P = Vector<T>::panel;
    const Index panels = (rank + P - 1) / P;
#pragma omp for schedule(static)
    for (Index p = 0; p < panels; ++p) {
        const Index count = std::min<Index>(P, rank - p * P);
        for (Index n = 0; n < rows; ++n) {
            T* to = packed + (p * rows + n) * P;
            std::memcpy(to, matrix + n * rank + p * P, sizeof(T) * count);
            std::memset(to + count, 0, sizeof(T) * (P - count));
        }
    }
}

// (rows, rank) -> (panels of rows, padded rank, panel): right side of a product that sums over the rank.
template <typename T>
void pack_transposed(const T* matrix, Index rows, Index rank, Index padded, T* packed) {
    constexpr int P = Vector<T>::panel;
#pragma omp for schedule(static)
    for (Index t = 0; t < (rows + P - 1) / P; ++t) {
        T* to = packed + t * padded * P;
        std::memset(to, 0, sizeof(T) * padded * P);
        for (Index r = 0; r < rank; ++r)
            for (Index n = 0; n < std::min<Index>(P, rows - t * P); ++n) to[r * P + n] = matrix[(t * P + n) * rank + r];
    }
}

// (positions, channels) -> (panels of channels, positions, panel). The columns of a plain matrix share few sets
// of the first cache.
template <typename T>
void pack_channels(const T* x, Index positions, Index channels, T* packed) {
    constexpr int P = Vector<T>::panel;
    for (Index n = 0; n < positions; ++n)
        for (Index c = 0; c < channels; c += P) {
            const Index width = std::min<Index>(P, channels - c);
            T* to = packed + (c / P * positions + n) * P;
            if (width == P) {  // a copy of fixed size needs no call
                std::memcpy(to, x + n * channels + c, sizeof(T) * P);
                continue;
            }
            std::memcpy(to, x + n * channels + c, sizeof(T) * width);
            std::memset(to + width, 0, sizeof(T) * (P - width));
        }
}

// Memory that the caller lends: handed out piece by piece, each at the start of a cache line.
struct Scratch {
    char* start;
    Index used = 0;

    template <typename T>
    T* take(Index count) {
        T* piece = start ? reinterpret_cast<T*>(start + used) : nullptr;
        used += (count * Index(sizeof(T)) + 63) / 64 * 64;
        return piece;
    }
};

// The taps of all modes, packed; for the backward pass also in reversed order.
template <typename T>
struct Taps {
    static constexpr int P = Vector<T>::panel;
    T *forward[3], *reversed[3];

    Taps(Scratch& s, const Layer<T>& l) {
        for (int m = 0; m < 3; ++m)
            for (T** part : {&forward[m], &reversed[m]}) *part = s.take<T>(l.padded * l.p.modes[m].taps);
    }

    void fill(const Layer<T>& l, const T* const* f) {
        for (int m = 0; m < 3; ++m) {
            if (!f[m]) continue;
            const Index taps = l.p.modes[m].taps;
            pack_panels(f[m], taps, l.p.rank, forward[m]);
#pragma omp for schedule(static)
            for (Index q = 0; q < l.panels * taps; ++q)
                std::memcpy(reversed[m] + q * P, forward[m] + (q / taps * taps + taps - 1 - q % taps) * P, sizeof(T) * P);
        }
    }

    const T* of(const Layer<T>& l, int mode, Index panel) const { return forward[mode] + panel * l.p.modes[mode].taps * P; }
    const T* back(const Layer<T>& l, int mode, Index panel) const { return reversed[mode] + panel * l.p.modes[mode].taps * P; }
};

// The three products with the channel factors --------------------------------------------------------------

// z (panels, rows, panel) = x (rows, channels) matrix, the matrix as from `pack_panels`; panels of z stand `step`
// numbers apart.
template <typename T>
void enter(Index rows, const T* x, Index channels, const T* packed, Index panels, T* z, Index step) {
    constexpr int P = Vector<T>::panel;
    const Left left{channels, 1, 0, 1, channels};
#pragma omp for schedule(dynamic)
    for (Index first = 0; first < rows; first += ROW_BLOCK)
        for (Index p = 0; p < panels; ++p)
            product(std::min(ROW_BLOCK, rows - first), x + first * channels, left, packed + p * channels * P,
                    z + p * step + first * P, P, zeros<T>());
}

// out (rows, columns) = z matrix^T + bias, z as above, the matrix as from `pack_transposed`.
template <typename T>
void leave(Index rows, const T* z, Index step, Index panels, const T* packed, Index columns, const T* bias, T* out) {
    constexpr int P = Vector<T>::panel;
    const Left left{P, 1, step, panels, P};
#pragma omp for schedule(dynamic)
    for (Index first = 0; first < rows; first += ROW_BLOCK)
        for (Index c = 0; c < columns; c += P) {
            const Index count = std::min(ROW_BLOCK, rows - first), width = std::min<Index>(P, columns - c);
            T start[P] = {}, spill[ROW_BLOCK * P];
            if (bias) std::memcpy(start, bias + c, sizeof(T) * width);
            T* to = width == P ? out + first * columns + c : spill;
            product(count, z + first * P, left, packed + c * panels * P, to, width == P ? columns : P, start);
            for (Index m = 0; to == spill && m < count; ++m)
                std::memcpy(out + (first + m) * columns + c, spill + m * P, sizeof(T) * width);
        }
}

// How the threads share a sum over positions: groups of panels, and slices of positions where panels are few.
struct Shares {
    Index groups, slices;
    Shares(Index panels, Index threads) : groups(std::min(panels, threads)), slices(std::max<Index>(threads / groups, 1)) {}
};

// sums (slices, panels, channels, panel) += x^T (channels, rows) z, for gradients of the channel factors.
template <typename T>
void add_outer(Index rows, const T* x, Index channels, const T* z, Index step, Index panels, const Shares& shares,
               T* packed, T* sums) {
    constexpr int P = Vector<T>::panel;
    const Index padded = (channels + P - 1) / P * P;
#pragma omp for schedule(static)
    for (Index item = 0; item < shares.groups * shares.slices; ++item) {
        const Index group = item % shares.groups, slice = item / shares.groups;
        const Index end = rows * (slice + 1) / shares.slices;
        for (Index first = rows * slice / shares.slices, count; first < end; first += count) {
            count = std::min(OUTER_DEPTH, end - first);
            pack_channels(x + first * channels, count, channels, packed);
            for (Index p = panels * group / shares.groups; p < panels * (group + 1) / shares.groups; ++p)
                for (Index c = 0; c < padded; c += P)
                    product<T>(P, packed + c * count, {1, P, 0, 1, count}, z + p * step + first * P,
                               sums + ((slice * panels + p) * padded + c) * P, P, nullptr);
        }
    }
}

// (parts, panels, rows, panel), `part` and `panel_step` numbers apart, summed over the parts -> (rows, rank).
template <typename T>
void unpack_sums(const T* sums, Index parts, Index part, Index panel_step, Index rows, Index rank, T* out) {
    constexpr int P = Vector<T>::panel;
#pragma omp for schedule(static)
    for (Index n = 0; n < rows; ++n)
        for (Index r = 0; r < rank; r += P) {
            T total[P] = {};
            for (Index s = 0; s < parts; ++s)
                for (Index i = 0; i < P; ++i) total[i] += sums[s * part + r / P * panel_step + n * P + i];
            std::memcpy(out + n * rank + r, total, sizeof(T) * std::min<Index>(P, rank - r));
        }
}

// The 1-D convolutions of one sample and panel -------------------------------------------------------------
//
// They run band by band: some output rows of all frames at a time, so that what lies between two of them stays
// in the second cache. Rows that the next band reads again are kept in a window.

// Output rows [first, last) of the height mode read input rows [from, to).
struct Rows {
    Index first, last, from, to;

    Rows(const Mode& h, Index first, Index last) : first(first), last(last) {
        from = std::clamp<Index>(first * h.stride - h.before, 0, h.size);
        to = std::clamp<Index>((last - 1) * h.stride - h.before + (h.taps - 1) * h.dilation + 1, from, h.size);
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

// Memory of one thread for one band.
template <typename T>
struct Bands {
    T *window, *frames, *line, *grads, *lines;
    Index window_step, grads_step, rows;  // positions of a frame, input rows of `lines`

    Bands(Scratch& s, const Layer<T>& l, bool backward) {
        const Index P = Vector<T>::panel, across = l.band * l.w.out;
        rows = l.band * l.h.stride;
        window_step = l.window * l.w.out;
        grads_step = std::min(l.h.out, l.band + (l.h.taps - 1) * l.h.dilation / l.h.stride + 1) * l.w.out;
        window = s.take<T>(l.d.size * window_step * P);
        frames = s.take<T>(l.d.size * across * P);
        line = s.take<T>(l.w.size * P);
        if (!backward) return;
        grads = s.take<T>(l.d.size * grads_step * P);
        lines = s.take<T>(rows * l.w.out * P);
    }
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
                   const Bands<T>& own, const T* z, Window<T>& window, T* out, Index out_step) {
    constexpr int P = Vector<T>::panel;
    window.advance(r.from, l.d.size);
    for (Index t = 0; t < l.d.size; ++t) {
        for (Index line = window.to; line < r.to; ++line) {
            const T* from = z + (t * l.plane_in + line * l.w.size) * P;
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
                     bool temporal, const T* z, T* out) {
    constexpr int P = Vector<T>::panel;
    Window<T> window{own.window, own.window_step, l.w.out};
    for (Index first = 0; first < l.h.out; first += l.band) {
        const Rows r(l.h, first, std::min(first + l.band, l.h.out));
        const Index across = (r.last - r.first) * l.w.out;
        T* to = out + first * l.w.out * P;
        if (!temporal) {
            convolve_rows(l, taps, psi, panel, r, own, z, window, to, l.plane_out);
            continue;
        }
        convolve_rows(l, taps, psi, panel, r, own, z, window, own.frames, across);
        convolve(l.d, across, own.frames, across, taps.of(l, 0, panel), to, l.plane_out);
    }
}

// From z and the gradient of what `convolve_sample` makes of it: that result once more, the gradient of z, and
// the gradients of the taps, of scale and of shift, added to `sums`.
template <typename T>
void differentiate_sample(const Layer<T>& l, const Taps<T>& taps, const Activation<T>& psi, Index panel,
                          const Bands<T>& own, bool temporal, const T* z, const T* grad, T* out, T* grad_z,
                          T* const* sums) {
    constexpr int P = Vector<T>::panel;
    const Mode &d = l.d, &h = l.h, &w = l.w;
    Window<T> window{own.window, own.window_step, w.out}, grads{own.grads, own.grads_step, w.out};
    Index done = 0;  // input rows whose gradient is complete
    for (Index first = 0; first < h.out; first += l.band) {
        const Rows r(h, first, std::min(first + l.band, h.out));
        const Index across = (r.last - r.first) * w.out, offset = first * w.out * P;
        grads.advance(std::clamp<Index>((done + h.before - (h.taps - 1) * h.dilation + h.stride - 1) / h.stride, 0, first),
                      d.size);
        T* fresh = grads.at(0, first);
        if (temporal) {
            convolve_rows(l, taps, psi, panel, r, own, z, window, own.frames, across);
            convolve(d, across, own.frames, across, taps.of(l, 0, panel), out + offset, l.plane_out);
            correlate(d, across, own.frames, across, grad + offset, l.plane_out, sums[0]);
            transposed(d, across, grad + offset, l.plane_out, 0, d.out, taps.of(l, 0, panel), taps.back(l, 0, panel), 0,
                       d.size, fresh, grads.step);
        } else {
            convolve_rows(l, taps, psi, panel, r, own, z, window, out + offset, l.plane_out);
            std::memcpy(fresh, grad + offset, sizeof(T) * across * P);
        }
        grads.to = r.last;
        for (Index t = 0; t < d.size; ++t)
            correlate(r.seen(h), w.out, window.at(t, r.from), w.out, fresh + t * grads.step * P, w.out, sums[1]);
        const Index complete = r.last == h.out ? h.size : std::clamp<Index>(r.last * h.stride - h.before, done, h.size);
        for (Index count; done < complete; done += count) {
            count = std::min(own.rows, complete - done);
            for (Index t = 0; t < d.size; ++t) {
                transposed(h, w.out, grads.at(t, grads.from), w.out, grads.from, grads.to - grads.from,
                           taps.of(l, 1, panel), taps.back(l, 1, panel), done, count, own.lines, w.out);
                for (Index line = 0; line < count; ++line) {
                    const Index at = (t * l.plane_in + (done + line) * w.size) * P;
                    const T *from = own.lines + line * w.out * P, *active = z + at;
                    if (!psi.none()) psi.apply(panel, l.padded, z + at, w.size, own.line), active = own.line;
                    correlate(w, 1, active, 1, from, 1, sums[2]);
                    transposed(w, 1, from, 1, 0, w.out, taps.of(l, 2, panel), taps.back(l, 2, panel), 0, w.size,
                               grad_z + at, 1);
                    if (!psi.none()) psi.differentiate(panel, z + at, active, w.size, grad_z + at, sums[3]);
                }
            }
        }
    }
}

// What Python calls ---------------------------------------------------------------------------------------
//
// Each function returns the bytes of memory that it needs where `memory` is null. z stands as (panels, batch, D,
// H, W, panel).

// z = x u.
template <typename T>
Index product_forward(const Problem& p, const T* x, const T* u, T* z, char* memory) {
    const Layer<T> l(p);
    Scratch scratch{memory};
    T* first = scratch.take<T>(p.in_channels * l.padded);
    if (!memory) return scratch.used;
    const Index rows = p.batch * l.sample_in;
#pragma omp parallel num_threads(p.threads)
    {
        pack_panels(u, p.in_channels, p.rank, first);
        enter(rows, x, p.in_channels, first, l.panels, z, rows * Vector<T>::panel);
    }
    return 0;
}

// Gradients of x (where it is wanted) and u from that of z.
template <typename T>
Index product_backward(const Problem& p, const T* x, const T* u, const T* grad_z, T* grad_x, T* grad_u, char* memory) {
    constexpr int P = Vector<T>::panel;
    const Layer<T> l(p);
    const Index C = p.in_channels, padded = (C + P - 1) / P * P, rows = p.batch * l.sample_in, step = rows * P;
    const Shares shares(l.panels, p.threads);
    Scratch scratch{memory};
    T* first = scratch.take<T>(padded * l.padded);
    const Index count = shares.slices * l.padded * padded;
    T* sums = scratch.take<T>(count);
    T* packed = scratch.take<T>(p.threads * OUTER_DEPTH * padded);
    if (!memory) return scratch.used;
    std::fill(sums, sums + count, T(0));
#pragma omp parallel num_threads(p.threads)
    {
        pack_transposed(u, C, p.rank, l.padded, first);
        add_outer(rows, x, C, grad_z, step, l.panels, shares, packed + omp_get_thread_num() * OUTER_DEPTH * padded, sums);
        if (grad_x) leave<T>(rows, grad_z, step, l.panels, first, C, nullptr, grad_x);
        unpack_sums(sums, shares.slices, l.padded * padded, padded * P, C, p.rank, grad_u);
    }
    return 0;
}

// y from x; or from z where x is null; z is kept where it is given.
template <typename T>
Index forward(const Problem& p, const T* x, const T* u, const T* const* f, const T* v, const T* bias, const T* scale,
              const T* shift, Index relu, T* y, T* z, char* memory) {
    constexpr int P = Vector<T>::panel;
    const Layer<T> l(p);
    const Index columns = (p.out_channels + P - 1) / P * P;
    Scratch scratch{memory};
    Taps<T> taps(scratch, l);
    T* first = scratch.take<T>(x ? p.in_channels * l.padded : 0);
    T* last = scratch.take<T>(columns * l.padded);
    T* between = scratch.take<T>(z ? 0 : l.samples * l.sample_in * l.padded);
    T* out = scratch.take<T>(l.samples * l.sample_out * l.padded);
    const Activation<T> psi{scale, shift, relu != 0, scratch.take<T>(2 * l.padded)};
    const Index before = scratch.used;
    Bands<T>(scratch, l, false);
    const Index own_bytes = scratch.used - before;
    if (!memory) return before + p.threads * own_bytes;

#pragma omp parallel num_threads(p.threads)
    {
        Scratch mine{memory + before + omp_get_thread_num() * own_bytes};
        const Bands<T> own(mine, l, false);
        taps.fill(l, f);
        psi.fill(p.rank, l.padded);
        if (x) pack_panels(u, p.in_channels, p.rank, first);
        pack_transposed(v, p.out_channels, p.rank, l.padded, last);
        for (Index from = 0; from < p.batch; from += l.samples) {
            const Index count = std::min(l.samples, p.batch - from);
            const Index step = (z ? p.batch : count) * l.sample_in * P, out_step = count * l.sample_out * P;
            T* here = z ? z + from * l.sample_in * P : between;
            if (x) enter(count * l.sample_in, x + from * l.sample_in * p.in_channels, p.in_channels, first, l.panels, here, step);
#pragma omp for schedule(dynamic)
            for (Index item = 0; item < count * l.panels; ++item) {
                const Index b = item / l.panels, panel = item % l.panels;
                convolve_sample(l, taps, psi, panel, own, f[0] != nullptr, here + panel * step + b * l.sample_in * P,
                                out + panel * out_step + b * l.sample_out * P);
            }
            leave(count * l.sample_out, out, out_step, l.panels, last, p.out_channels, bias,
                  y + from * l.sample_out * p.out_channels);
        }
    }
    return 0;
}

// Gradients of all that `forward` takes. Where x is null they end at z, and `grad_z` takes that of z; else z may
// be null, and is computed once more.
template <typename T>
Index backward(const Problem& p, const T* x, const T* u, const T* const* f, const T* v, const T* scale, const T* shift,
               Index relu, const T* z, const T* grad, T* grad_x, T* grad_u, T* const* grad_f, T* grad_v, T* grad_scale,
               T* grad_shift, T* grad_z, char* memory) {
    constexpr int P = Vector<T>::panel;
    const Layer<T> l(p);
    const Index C = x ? p.in_channels : 0, O = p.out_channels, C_padded = (C + P - 1) / P * P, O_padded = (O + P - 1) / P * P;
    const Index all_taps = l.d.taps + l.h.taps + l.w.taps + 2;  // and scale and shift
    const Shares shares(l.panels, p.threads);
    Scratch scratch{memory};
    Taps<T> taps(scratch, l);
    T* first = scratch.take<T>(z ? 0 : C * l.padded);
    T* first_transposed = scratch.take<T>(C_padded * l.padded);
    T* last = scratch.take<T>(O * l.padded);
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
    scratch.take<T>(OUTER_DEPTH * std::max(C_padded, O_padded));
    const Index own_bytes = scratch.used - before;
    if (!memory) return before + p.threads * own_bytes;
    std::fill(sums_u, sums_f + counts[2], T(0));

#pragma omp parallel num_threads(p.threads)
    {
        Scratch mine{memory + before + omp_get_thread_num() * own_bytes};
        const Bands<T> own(mine, l, true);
        T* channels = mine.take<T>(OUTER_DEPTH * std::max(C_padded, O_padded));
        taps.fill(l, f);
        psi.fill(p.rank, l.padded);
        if (!z) pack_panels(u, C, p.rank, first);
        if (x) pack_transposed(u, C, p.rank, l.padded, first_transposed);
        pack_panels(v, O, p.rank, last);
        for (Index from = 0; from < p.batch; from += l.samples) {
            const Index count = std::min(l.samples, p.batch - from), rows = count * l.sample_in;
            const Index rows_out = count * l.sample_out, out_step = rows_out * P, all = p.batch * l.sample_in * P;
            const Index step = z ? all : rows * P, grad_step = x ? rows * P : all;
            const T *x_here = x + from * l.sample_in * C, *grad_here = grad + from * l.sample_out * O;
            const T* z_here = z ? z + from * l.sample_in * P : between;
            T* grad_z_here = x ? grad_between : grad_z + from * l.sample_in * P;
            if (!z) enter(rows, x_here, C, first, l.panels, between, step);
            enter(rows_out, grad_here, O, last, l.panels, grad_out, out_step);
#pragma omp for schedule(dynamic)
            for (Index item = 0; item < count * l.panels; ++item) {
                const Index b = item / l.panels, panel = item % l.panels;
                T* sum = sums_f + ((from + b) * l.panels + panel) * all_taps * P;
                T* const sums[] = {sum, sum + l.d.taps * P, sum + (l.d.taps + l.h.taps) * P, sum + (all_taps - 2) * P};
                const Index at = b * l.sample_in * P, at_out = panel * out_step + b * l.sample_out * P;
                differentiate_sample(l, taps, psi, panel, own, f[0] != nullptr, z_here + panel * step + at,
                                     grad_out + at_out, out + at_out, grad_z_here + panel * grad_step + at, sums);
            }
            if (x) add_outer(rows, x_here, C, grad_z_here, grad_step, l.panels, shares, channels, sums_u);
            add_outer(rows_out, grad_here, O, out, out_step, l.panels, shares, channels, sums_v);
            if (grad_x)
                leave<T>(rows, grad_z_here, grad_step, l.panels, first_transposed, C, nullptr, grad_x + from * l.sample_in * C);
        }
        if (x) unpack_sums(sums_u, shares.slices, l.padded * C_padded, C_padded * P, C, p.rank, grad_u);
        unpack_sums(sums_v, shares.slices, l.padded * O_padded, O_padded * P, O, p.rank, grad_v);
        T* const grads[] = {grad_f[0], grad_f[1], grad_f[2], grad_scale, grad_shift};
        const Index rows_of[] = {l.d.taps, l.h.taps, l.w.taps, 1, 1};
        const T* sum = sums_f;
        for (int m = 0; m < 5; sum += rows_of[m++] * P)
            if (grads[m]) unpack_sums(sum, p.batch, l.padded * all_taps, all_taps * P, rows_of[m], p.rank, grads[m]);
    }
    return 0;
}

}  // namespace

// Components of a panel of numbers of so many bytes.
extern "C" Index hocp_panel(Index bytes) { return 2 * VECTOR_BYTES / bytes; }

#define EXPORT(T)                                                                                                     \
    extern "C" Index hocp_product_##T(const Problem* p, const T* x, const T* u, T* z, char* memory) {                 \
        return product_forward(*p, x, u, z, memory);                                                                  \
    }                                                                                                                 \
    extern "C" Index hocp_product_backward_##T(const Problem* p, const T* x, const T* u, const T* grad_z, T* grad_x,  \
                                               T* grad_u, char* memory) {                                             \
        return product_backward(*p, x, u, grad_z, grad_x, grad_u, memory);                                            \
    }                                                                                                                 \
    extern "C" Index hocp_forward_##T(const Problem* p, const T* x, const T* u, const T* const* f, const T* v,        \
                                      const T* bias, const T* scale, const T* shift, Index relu, T* y, T* z,          \
                                      char* memory) {                                                                 \
        return forward(*p, x, u, f, v, bias, scale, shift, relu, y, z, memory);                                       \
    }                                                                                                                 \
    extern "C" Index hocp_backward_##T(const Problem* p, const T* x, const T* u, const T* const* f, const T* v,       \
                                       const T* scale, const T* shift, Index relu, const T* z, const T* grad,         \
                                       T* grad_x, T* grad_u, T* const* grad_f, T* grad_v, T* grad_scale,              \
                                       T* grad_shift, T* grad_z, char* memory) {                                      \
        return backward(*p, x, u, f, v, scale, shift, relu, z, grad, grad_x, grad_u, grad_f, grad_v, grad_scale,      \
                        grad_shift, grad_z, memory);                                                                  \
    }

EXPORT(float)
EXPORT(double)

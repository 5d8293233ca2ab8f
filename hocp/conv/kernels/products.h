// Matrix products with one side in panels, and the packing that brings factors and inputs into them.
#pragma once
#include <omp.h>

#include <type_traits>

#include "layer.h"

namespace {

// Where the element (row m, depth k = j * depth + i) of a left side stands: m row + i inner + j outer.
struct Left {
    Index row, inner, outer, blocks, depth;
};

// c (ROWS, panel) = start + a b, or c + a b without a start. PANELS says that the left side stands in panels, too, a
// block each: its steps and depth are then constants, which leaves fewer instructions between the multiply-adds.
template <typename T, int ROWS, bool PANELS>
inline void tile(const T* a, const Left& l, const T* b, T* c, Index c_row, const T* start) {
    using V = typename Vector<T>::type;
    constexpr int L = Vector<T>::lanes, P = 2 * L;
    V sum[ROWS][2];
#pragma GCC unroll 16
    for (int m = 0; m < ROWS; ++m) {
        const T* from = start ? start : c + m * c_row;
        sum[m][0] = *(const V*)from;
        sum[m][1] = *(const V*)(from + L);
    }
    const Index depth = PANELS ? P : l.depth, row = PANELS ? P : l.row, inner = PANELS ? 1 : l.inner;
    for (Index j = 0; j < l.blocks; ++j) {
        const T* left = a + j * l.outer;
#pragma GCC unroll 2
        for (Index i = 0; i < depth; ++i, left += inner, b += P) {
            const V b0 = *(const V*)b, b1 = *(const V*)(b + L);
#pragma GCC unroll 16
            for (int m = 0; m < ROWS; ++m) {
                const T factor = left[m * row];
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

template <typename T, bool PANELS, int ROWS = MOST_ROWS>
void tile_of(Index rows, const T* a, const Left& l, const T* b, T* c, Index c_row, const T* start) {
    if (rows == ROWS)
        tile<T, ROWS, PANELS>(a, l, b, c, c_row, start);
    else if constexpr (ROWS > 1)
        tile_of<T, PANELS, ROWS - 1>(rows, a, l, b, c, c_row, start);
}

// The same for any number of rows, in tiles of about equal height, and so much of the depth at a time that this
// part of b stays in the first cache; b (depth, panel) is packed.
template <typename T, bool PANELS = false>
void product(Index rows, const T* a, const Left& l, const T* b, T* c, Index c_row, const T* start) {
    const Index tiles = (rows + MOST_ROWS - 1) / MOST_ROWS, low = rows / tiles, higher = rows % tiles;
    const Index most = l.blocks > 1 ? std::max<Index>(DEPTH / l.depth, 1) : 1;
    for (Index j = 0; j < l.blocks; j += most)
        for (Index k = 0; k < l.depth; k += DEPTH) {
            const Left part{l.row, l.inner, l.outer, std::min(most, l.blocks - j), std::min(DEPTH, l.depth - k)};
            const T *left = a + j * l.outer + k * l.inner, *right = b + (j * l.depth + k) * Vector<T>::panel;
            for (Index n = 0, m = 0; n < tiles; ++n) {
                const Index height = low + (n < higher);
                tile_of<T, PANELS>(height, left + m * l.row, part, right, c + m * c_row, c_row, j || k ? nullptr : start);
                m += height;
            }
        }
}

template <typename T>
const T* zeros() {
    static const T none[Vector<T>::panel] = {};
    return none;
}

// The numbers of a panel that a matrix has, at most all, and zeros behind. A copy of fixed size needs no call.
template <typename T>
inline void copy_panel(const T* from, Index count, T* to) {
    constexpr int P = Vector<T>::panel;
    if (count >= P) return (void)std::memcpy(to, from, sizeof(T) * P);
    std::memcpy(to, from, sizeof(T) * count);
    std::memset(to + count, 0, sizeof(T) * (P - count));
}

// (rows, rank) -> (panels, rows, panel), zeros behind the last component. Row by row, since a factor comes from
// far memory, which is fast where it is read in order.
template <typename T>
void pack_panels(const T* matrix, Index rows, Index rank, T* packed) {
    constexpr int P = Vector<T>::panel;
#pragma omp for schedule(static)
    for (Index n = 0; n < rows; ++n)
        for (Index r = 0; r < rank; r += P)
            copy_panel(matrix + n * rank + r, rank - r, packed + (r / P * rows + n) * P);
}

// (rows, rank) -> (panels of rows, padded rank, panel): right side of a product that sums over the rank. Square by
// square, since a column of a wide matrix falls into few sets of the cache.
template <typename T>
void pack_transposed(const T* matrix, Index rows, Index rank, Index padded, T* packed) {
    constexpr int P = Vector<T>::panel;
#pragma omp for schedule(static)
    for (Index t = 0; t < rows; t += P)
        for (Index r = 0; r < padded; r += P) {
            T square[P][P] = {}, *to = packed + t * padded + r * P;
            for (Index n = 0; n < std::min<Index>(P, rows - t); ++n)
                copy_panel(matrix + (t + n) * rank + r, rank - r, square[n]);
            for (int i = 0; i < P; ++i)
                for (int n = 0; n < P; ++n) to[i * P + n] = square[n][i];
        }
}

// (lanes, lanes) transposed; rows of both sides stand `in_row` and `out_row` numbers apart.
template <typename T>
inline void transpose_square(const T* in, Index in_row, T* out, Index out_row) {
    using V = typename Vector<T>::type;
    constexpr int L = Vector<T>::lanes;
    V line[L];
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) line[i] = *(const V*)(in + i * in_row);
#pragma GCC unroll 4
    for (int step = 1; step < L; step *= 2) {  // the squares of that size beside the diagonal change places
        decltype(V{} < V{}) upper, lower;
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i) upper[i] = i & step ? L + i - step : i, lower[i] = i & step ? L + i : i + step;
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i)
            if (!(i & step)) {
                const V a = line[i], b = line[i + step];
                line[i] = __builtin_shuffle(a, b, upper), line[i + step] = __builtin_shuffle(a, b, lower);
            }
    }
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) *(V*)(out + i * out_row) = line[i];
}

// x, y or the gradient of one: a row of channels for each position of all samples, in either memory format. Channels
// last it is (rows, channels); channels first, where `plane` says how many positions a sample has, (samples, channels,
// plane).
template <typename T>
struct Image {
    using Number = std::remove_const_t<T>;
    T* data;
    Index channels, plane;

    // For the part of each sample that has some of the rows [first, first + count): f(at, done, length), where `at` is
    // its first row in the first channel, and `done` counts the rows before.
    template <typename F>
    void parts(Index first, Index count, F f) const {
        for (Index done = 0, length; done < count; done += length) {
            const Index sample = (first + done) / plane, n = (first + done) % plane;
            length = std::min(plane - n, count - done);
            f(data + sample * channels * plane + n, done, length);
        }
    }

    // Rows [first, first + count) as (channels, count), of channels first.
    void copy(Index first, Index count, Number* to) const {
        parts(first, count, [&](T* at, Index done, Index length) {
            for (Index c = 0; c < channels; ++c) std::memcpy(to + c * count + done, at + c * plane, sizeof(T) * length);
        });
    }

    // Rows as the left side of a product: where they are, or copied to `own`.
    Left left(Index first, Index count, Number* own, const Number** start) const {
        if (!plane) return *start = data + first * channels, Left{channels, 1, 0, 1, channels};
        copy(first, count, own);
        return *start = own, Left{1, count, 0, 1, channels};
    }

    // Rows as the left side of a product that sums over them: panel by panel in `own`, zeros behind the last channel.
    // The columns of a plain matrix share few sets of the first cache.
    Left turned(Index first, Index count, Number* own) const {
        constexpr int P = Vector<Number>::panel;
        if (plane) {
            const Index padded = (channels + P - 1) / P * P;
            copy(first, count, own);
            std::memset(own + channels * count, 0, sizeof(T) * (padded - channels) * count);
            return {count, 1, 0, 1, count};
        }
        for (Index n = 0; n < count; ++n)
            for (Index c = 0; c < channels; c += P)
                copy_panel(data + (first + n) * channels + c, channels - c, own + (c / P * count + n) * P);
        return {1, P, 0, 1, count};
    }

    // Take `width` channels from `channel` on of some rows from a block (count, panel).
    void put(Index first, Index count, const T* block, Index channel, Index width) const {
        constexpr int L = Vector<T>::lanes, P = Vector<T>::panel;
        if (!plane) {
            for (Index m = 0; m < count; ++m)
                std::memcpy(data + (first + m) * channels + channel, block + m * P, sizeof(T) * width);
            return;
        }
        parts(first, count, [&](T* at, Index done, Index length) {
            T* to = at + channel * plane;
            const T* rows = block + done * P;
            const Index m_end = length / L * L, c_end = width / L * L;
            for (Index m = 0; m < m_end; m += L)
                for (Index c = 0; c < c_end; c += L) transpose_square(rows + m * P + c, P, to + c * plane + m, plane);
            for (Index c = 0; c < width; ++c)
                for (Index m = c < c_end ? m_end : 0; m < length; ++m) to[c * plane + m] = rows[m * P + c];
        });
    }
};

// Who takes the pieces of a product: all threads, each the next one that is left, or the calling thread alone.
struct Together {
    Index threads = omp_get_num_threads();
    static constexpr Index next = -1;
    Index pieces() const { return SHARES * threads; }

    template <typename F>
    void operator()(Index count, F f) const {
#pragma omp for schedule(dynamic)
        for (Index item = 0; item < count; ++item) f(item);
    }
};

struct Alone {
    Index next = -1;  // row of x with which the thread goes on afterwards, if it is known
    static constexpr Index threads = 1;
    Index pieces() const { return 1; }

    template <typename F>
    void operator()(Index count, F f) const {
        for (Index item = 0; item < count; ++item) f(item);
    }
};

// How a product is cut: pieces of so many rows and panels of the result. Few rows are left together, since each block
// of rows reads the whole right side once more.
struct Pieces {
    Index block, chunk, chunks, count;  // rows and panels of a piece, pieces side by side, pieces

    Pieces(Index rows, Index panels, Index wanted) {
        const Index blocks = (rows + ROW_BLOCK - 1) / ROW_BLOCK;
        const Index most = std::clamp<Index>((wanted + blocks - 1) / std::max<Index>(blocks, 1), 1, panels);
        chunk = (panels + most - 1) / most, chunks = (panels + chunk - 1) / chunk;
        const Index most_rows = rows / std::max(blocks, wanted / chunks);
        block = std::min(ROW_BLOCK, (most_rows / MOST_ROWS + 1) * MOST_ROWS);  // whole tiles
        count = (rows + block - 1) / block * chunks;
    }
};

// The three products with the channel factors --------------------------------------------------------------

// z (panels, rows, panel) = rows [begin, begin + rows) of x times a matrix as from `pack_panels`; panels of z stand
// `step` numbers apart. The rows that the thread takes next are fetched meanwhile. `own` takes ROW_BLOCK rows.
template <typename T, typename Who>
void enter(Who share, Index begin, Index rows, const Image<const T>& x, const T* packed, Index panels, T* z, Index step,
           T* own) {
    constexpr int P = Vector<T>::panel;
    const Index channels = x.channels;
    const Pieces pieces(rows, panels, share.pieces());
    share(pieces.count, [&](Index item) {
        const Index first = item / pieces.chunks * pieces.block, panel = item % pieces.chunks * pieces.chunk;
        const Index end = std::min(panel + pieces.chunk, panels), height = std::min(pieces.block, rows - first);
        const Index next = (item + share.threads) / pieces.chunks * pieces.block;
        const Index fetch = next < rows ? begin + next : share.next, most = next < rows ? rows - next : rows;
        const bool fetches = fetch >= 0 && next != first && !x.plane;
        const T* fetched = x.data + fetch * channels;
        const T* last = fetches ? fetched + std::min(pieces.block, most) * channels : fetched;
        const T* start;
        const Left left = x.left(begin + first, height, own, &start);
        const Index part = (last - fetched) / (end - panel) + 1;  // with each panel
        for (Index p = panel; p < end; ++p) {
            for (const T* until = std::min(fetched + part, last); fetched < until; fetched += LINE / sizeof(T))
                __builtin_prefetch(fetched);
            product(height, start, left, packed + p * channels * P, z + p * step + first * P, P, zeros<T>());
        }
    });
}

// Rows [begin, begin + rows) of out = z matrix^T + bias, z as above, the matrix as from `pack_transposed`.
template <typename T, typename Who>
void leave(Who share, Index begin, Index rows, const T* z, Index step, Index panels, const T* packed, const T* bias,
           const Image<T>& out) {
    constexpr int P = Vector<T>::panel;
    const Index columns = out.channels;
    const Left left{P, 1, step, panels, P};
    const Pieces pieces(rows, (columns + P - 1) / P, share.pieces());
    share(pieces.count, [&](Index item) {
        const Index first = item / pieces.chunks * pieces.block, column = item % pieces.chunks * pieces.chunk * P;
        const Index end = std::min(column + pieces.chunk * P, columns), height = std::min(pieces.block, rows - first);
        for (Index c = column; c < end; c += P) {
            const Index width = std::min<Index>(P, columns - c);
            T start[P] = {}, spill[ROW_BLOCK * P];
            if (bias) std::memcpy(start, bias + c, sizeof(T) * width);
            const bool whole = width == P && !out.plane;
            T* to = whole ? out.data + (begin + first) * columns + c : spill;
            product<T, true>(height, z + first * P, left, packed + c * panels * P, to, whole ? columns : P, start);
            if (!whole) out.put(begin + first, height, spill, c, width);
        }
    });
}

// How the threads share a sum over positions: groups of panels, and slices of positions where panels are few.
struct Shares {
    Index groups, slices;
    Shares(Index panels, Index threads) : groups(std::min(panels, threads)), slices(std::max<Index>(threads / groups, 1)) {}
};

// sums (panels, channels, panel) += x^T z for rows [begin, begin + rows) of x and panels [from, to), for gradients of the
// channel factors. `own` takes OUTER_DEPTH rows.
template <typename T>
void add_outer(Index begin, Index rows, const Image<const T>& x, const T* z, Index step, Index from, Index to, T* own,
               T* sums) {
    constexpr int P = Vector<T>::panel;
    const Index padded = (x.channels + P - 1) / P * P;
    for (Index first = 0, count; first < rows; first += count) {
        count = std::min(OUTER_DEPTH, rows - first);
        const Left left = x.turned(begin + first, count, own);
        for (Index p = from; p < to; ++p)
            for (Index c = 0; c < padded; c += P)
                product<T>(P, own + c * count, left, z + p * step + first * P, sums + (p * padded + c) * P, P, nullptr);
    }
}

// The same by all threads; sums (slices, panels, channels, panel).
template <typename T>
void add_outer_shared(Index begin, Index rows, const Image<const T>& x, const T* z, Index step, Index panels,
                      const Shares& shares, T* own, T* sums) {
    constexpr int P = Vector<T>::panel;
    const Index padded = (x.channels + P - 1) / P * P;
#pragma omp for schedule(static)
    for (Index item = 0; item < shares.groups * shares.slices; ++item) {
        const Index group = item % shares.groups, slice = item / shares.groups;
        const Index first = rows * slice / shares.slices, last = rows * (slice + 1) / shares.slices;
        add_outer(begin + first, last - first, x, z + first * P, step, panels * group / shares.groups,
                  panels * (group + 1) / shares.groups, own, sums + slice * panels * padded * P);
    }
}

// (parts, panels, rows, panel), `part` and `panel_step` numbers apart, summed over the parts -> (rows, rank).
template <typename T>
void unpack_sums(const T* sums, Index parts, Index part, Index panel_step, Index rows, Index rank, T* out) {
    constexpr int P = Vector<T>::panel;
#pragma omp for schedule(static)
    for (Index n = 0; n < rows; ++n)
        for (Index r = 0; r < rank; r += P) {
            const T* from = sums + r / P * panel_step + n * P;
            T total[P] = {};
            for (Index s = 0; s < parts; ++s)
                for (Index i = 0; i < P; ++i) total[i] += from[s * part + i];
            if (r + P <= rank)
                std::memcpy(out + n * rank + r, total, sizeof(T) * P);
            else
                std::memcpy(out + n * rank + r, total, sizeof(T) * (rank - r));
        }
}

// Zeros, by all threads.
template <typename T>
void clear(T* numbers, Index count) {
    constexpr Index part = 4096;
#pragma omp for schedule(static)
    for (Index first = 0; first < count; first += part)
        std::memset(numbers + first, 0, sizeof(T) * std::min(part, count - first));
}

}  // namespace

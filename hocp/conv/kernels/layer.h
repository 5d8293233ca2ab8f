// What a call looks like, how it is cut into pieces, and the memory that it works in.
#pragma once
#include <algorithm>
#include <cstring>

using Index = long long;

// As in native.py.
extern "C" {
struct Mode {
    Index size, out, taps, stride, dilation, before;  // `before`: zeros in front
};

struct Problem {
    Index batch, in_channels, out_channels, rank;
    Mode modes[3];  // time, height, width
    Index threads;
};
}

namespace {

#if defined(__AVX512F__)
constexpr int VECTOR_BYTES = 64, MOST_ROWS = 12;  // of a tile of a product: all registers but those of operands
#else
constexpr int VECTOR_BYTES = 32, MOST_ROWS = 6;
#endif
constexpr Index LINE = 64;               // bytes of a cache line
constexpr Index DEPTH = 256;             // of a product at a time: its right side then stays in the first cache
constexpr Index OUTER_DEPTH = 96;        // of a product that sums over positions
constexpr Index ROW_BLOCK = 96;          // rows of a product at a time: its left side then stays in the second cache
constexpr Index SHARES = 4;              // pieces of a product for each thread, so that all end at about the same time
constexpr Index BAND = 192 << 10;        // bytes of one buffer of the 1-D convolutions: a few fit the second cache
constexpr Index SHARED = 1 << 20;        // bytes of the rank space between the products: it fits the second caches
constexpr Index SLAB = 384 << 10;        // bytes of the rank space of a slab: it fits a thread's second cache
constexpr Index SLAB_ROWS = 48;          // positions of a frame in a slab: products of fewer rows are slow,
constexpr Index SLAB_MOST = 4 << 20;     // so that its bytes may be up to this
constexpr Index SLAB_FACTORS = 1 << 20;  // bytes of the channel factors, all of which each slab reads
constexpr Index SLACK = 12;              // one part in so many may be computed twice, or wait

template <typename T>
struct Vector {
    typedef T type __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(T)), may_alias));
    static constexpr int lanes = VECTOR_BYTES / sizeof(T);
    static constexpr int panel = 2 * lanes;
};

template <typename T>
struct Layer {
    static constexpr int P = Vector<T>::panel;
    const Problem& p;
    const Mode &d, &h, &w;
    Index plane_in, plane_out, sample_in, sample_out;  // positions of a frame and of a sample
    Index panels, padded;                              // of the rank, padded to whole panels
    Index samples;                                     // between the two products at a time
    Index band;                                        // output rows convolved together

    explicit Layer(const Problem& p) : p(p), d(p.modes[0]), h(p.modes[1]), w(p.modes[2]) {
        plane_in = h.size * w.size, plane_out = h.out * w.out;
        sample_in = d.size * plane_in, sample_out = d.out * plane_out;
        panels = (p.rank + P - 1) / P, padded = panels * P;
        const Index bytes = (sample_in + sample_out) * padded * sizeof(T), busy = (2 * p.threads + panels - 1) / panels;
        const Index most = std::max<Index>(std::max(SHARED / bytes, busy), 1), parts = (p.batch + most - 1) / most;
        samples = parts ? (p.batch + parts - 1) / parts : 1;  // about as many each time
        const Index row = std::max(d.size, d.out) * std::max(w.size, w.out) * P * sizeof(T);
        band = std::clamp<Index>(BAND / row, 1, h.out);
    }

    // Input rows that so many output rows read.
    Index reads(Index rows) const { return std::min(h.size, (rows - 1) * h.stride + (h.taps - 1) * h.dilation + 1); }

    // Bytes of a row of all frames of a sample.
    Index row_in() const { return d.size * w.size * padded * Index(sizeof(T)); }
    Index row_out() const { return d.out * w.out * padded * Index(sizeof(T)); }
};

// Memory that the caller lends: handed out piece by piece, each at the start of a cache line.
struct Scratch {
    char* start;
    Index used = 0;

    template <typename T>
    T* take(Index count) {
        T* piece = start ? reinterpret_cast<T*>(start + used) : nullptr;
        used += (count * Index(sizeof(T)) + LINE - 1) / LINE * LINE;
        return piece;
    }
};

}  // namespace

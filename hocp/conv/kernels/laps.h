// How long the stages of a forward call take, where HOCP_LAPS is defined: `tests/bench/stage_times.py` does so.
#pragma once

#ifdef HOCP_LAPS
#include <omp.h>

namespace {
double laps[8], lap_began;

// Seconds since the last lap, of the first thread. All threads end a stage that they share together; where each goes
// through slabs by itself, it is what the first one took, and its wait for the others belongs to no stage.
inline void lap(int stage) {
    if (omp_get_thread_num()) return;
    const double now = omp_get_wtime();
    laps[stage] += now - lap_began, lap_began = now;
}
}  // namespace

extern "C" double* hocp_laps() { return laps; }
#define LAP(stage) lap(stage)
#else
#define LAP(stage)
#endif

"""Words by which parts of the speed benchmark are asked for; light, so that commands start at once."""

SIZES = ("smoke", "demo", "gate", "full")
SUBJECTS = ("all", "layers2d", "layers3d", "networks")
#: Keeps freed memory for the next call: glibc would give large tensors back and fault their pages in again.
KEPT = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "268435456",
}

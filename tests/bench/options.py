"""Words by which parts of the speed benchmark are asked for; light, so that commands start at once."""

SIZES = ("tiny", "smoke", "demo", "gate", "full")
SUBJECTS = ("all", "layers2d", "layers3d", "networks")
#: Keeps freed memory for the next call: glibc would give large tensors back and fault their pages in again.
KEPT = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "268435456",
}
#: Parts into which a size is split, as (subject, threads, allocator); each is measured by a process.
PARTS = {
    **dict.fromkeys(("tiny", "smoke", "demo", "gate"), (("all", 2, "kept"),)),
    "full": tuple(
        (subject, threads, allocator)
        for threads, allocator in ((2, "kept"), (2, "default"), (1, "kept"))
        for subject in SUBJECTS[1:]
    ),
}

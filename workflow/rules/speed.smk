# Time and memory of layers and networks, ours beside others, with the limits of the machine; and the gate that
# compares a fresh run with the committed one by ratios.

#: Size -> its parts: what is timed, on how many threads, with which setting of the allocator. Each part has a
#: process of its own, and a killed run keeps those that are done.
PARTS = {
    "smoke": ["all.t1.kept"],  # one thread: in the tests, others compute meanwhile
    "demo": ["all.t2.kept"],
    "gate": ["all.t2.kept"],
    "full": expand(
        "{subject}.{how}",
        how=["t2.kept", "t2.default", "t1.kept"],
        subject=["layers2d", "layers3d", "networks"],
    ),
}


def parts(size):
    """Reports of all parts of a size."""
    return [f"<results>/bench/{size}/{part}.json" for part in PARTS[size]]


rule bench_part:
    input:
        code=sorted({*sources("hocp.conv"), *sources("hocp.networks"), *sources("hocp.contracts.record")}),
        bench=BENCH,
    output:
        "<results>/bench/{size}/{subject}.t{threads}.{allocator}.json",
    log:
        "<logs>/bench.{size}.{subject}.t{threads}.{allocator}.log",
    benchmark:
        "<benchmarks>/bench.{size}.{subject}.t{threads}.{allocator}.tsv"
    wildcard_constraints:
        size=one_of(PARTS),
        threads=r"\d+",
        allocator="kept|default",
    conda:
        ENVIRONMENT
    # All cores, so that nothing else runs meanwhile and disturbs the clock.
    threads: workflow.cores or 1
    resources:
        mem_mb=8000,
        gpu=0,
    message:
        "Timing {wildcards.subject} at size {wildcards.size}, {wildcards.threads} threads, allocator {wildcards.allocator}"
    shell:
        "python -m tests.bench.run --size {wildcards.size} --subject {wildcards.subject}"
        " --threads {wildcards.threads} --allocator {wildcards.allocator} --out {output:q} > {log:q} 2>&1"


rule bench_speed:
    input:
        parts=parts(CONFIG["benchmark"]),
        code=sources("hocp.contracts.record"),
        bench=BENCH,
    output:
        csv=SPEED,
        json="<results>/bench/speed.json",
    log:
        "<logs>/bench_speed.log",
    benchmark:
        "<benchmarks>/bench_speed.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=500,
        gpu=0,
    message:
        "Putting the parts of the speed benchmark together"
    shell:
        "python -m tests.bench.collect --out {output.csv:q} {input.parts:q} > {log:q} 2>&1"


# The size behind the committed reference, whatever the scenario's own is.
use rule bench_speed as bench_full with:
    input:
        parts=parts("full"),
        code=sources("hocp.contracts.record"),
        bench=BENCH,
    output:
        csv="<results>/bench/full/speed.csv",
        json="<results>/bench/full/speed.json",
    log:
        "<logs>/bench_full.log",
    benchmark:
        "<benchmarks>/bench_full.tsv"


use rule bench_speed as bench_fresh with:
    input:
        parts=parts("gate"),
        code=sources("hocp.contracts.record"),
        bench=BENCH,
    output:
        csv="<results>/bench/gate/speed.csv",
        json="<results>/bench/gate/speed.json",
    log:
        "<logs>/bench_fresh.log",
    benchmark:
        "<benchmarks>/bench_fresh.tsv"


rule bench_gate:
    input:
        fresh=rules.bench_fresh.output.csv,
        reference="results/reference/speed.cpu.torch2.13.0/speed.csv",
        code=sources("hocp.contracts.record"),
        bench=BENCH,
    output:
        "<results>/bench/gate/ratios.csv",
    log:
        "<logs>/bench_gate.log",
    benchmark:
        "<benchmarks>/bench_gate.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=500,
        gpu=0,
    message:
        "Looking for ratios that have grown beyond the noise"
    shell:
        "python -m tests.bench.gate --fresh {input.fresh:q} --reference {input.reference:q} --out {output:q}"
        " > {log:q} 2>&1"

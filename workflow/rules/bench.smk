# Of networks and layers: analytic counts, seconds measured on this machine, and answers to the probes.


rule cost:
    input:
        code=sources("hocp.networks.cost_command"),
    output:
        COST,
    log:
        "<logs>/cost.log",
    benchmark:
        "<benchmarks>/cost.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1500,
        gpu=0,
    message:
        "Counting parameters and multiply-accumulates"
    shell:
        "python -m hocp cost --tables --out {output:q} > {log:q} 2>&1"


rule identities:
    input:
        code=sources("hocp.networks.identities_command"),
    output:
        IDENTITIES,
    log:
        "<logs>/identities.log",
    benchmark:
        "<benchmarks>/identities.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1500,
        gpu=0,
    message:
        "Measuring the identities of the paper in float64"
    shell:
        "python -m hocp identities --out {output:q} > {log:q} 2>&1"


rule conformance:
    input:
        code=sorted({*sources("hocp.conv"), *sources("hocp.contracts.files")}),
        probes=sorted(map(str, Path("tests/conformance").glob("*.py"))),
        project="pyproject.toml",
    output:
        CONFORMANCE,
    log:
        "<logs>/conformance.log",
    benchmark:
        "<benchmarks>/conformance.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2500,
        gpu=0,
    message:
        "Asking both libraries the same questions"
    shell:
        "OMP_NUM_THREADS=1 PYTHONPATH=tests/conformance python -m conformance --out {output:q} > {log:q} 2>&1"

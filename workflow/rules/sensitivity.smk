# How much of a score the crop makes: test faces cut again from the release, and one image network a data set on them.

SENSITIVITY = "<results>/tables/sensitivity.csv"


def studied():
    """Data set -> run of the experiment that crop_study names, on the first fold and seed."""
    study, seed = CONFIG["crop_study"], CONFIG["seeds"][0]
    runs = {
        dataset: f"{dataset}.{study['method']}.f{spec.folds(CONFIG, dataset)[0]}.s{seed}"
        for dataset in CONFIG["experiments"]
    }
    return {
        dataset: run
        for dataset, run in runs.items()
        if run in SPECS and spec.NETWORKS[SPECS[run]["network"]["name"]] == 2
    }


STUDIED = studied()
if not STUDIED:
    sys.exit(
        f"crop_study.method: {CONFIG['crop_study']['method']!r} is no experiment with an image network; "
        "expected e.g. hocp"
    )


rule recrop:
    input:
        source=release,
        prepared=rules.prepare.output,
        code=sources("data_prep.recrop_command"),
    output:
        facts="<results>/sensitivity/{dataset}/variants.json",
        crops="<results>/sensitivity/{dataset}/variants.h5",
    log:
        "<logs>/recrop.{dataset}.log",
    benchmark:
        "<benchmarks>/recrop.{dataset}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1500,
        gpu=0,
    params:
        prepared=lambda wildcards, input: Path(input.prepared[0]).parent,
        folder=subpath(output.facts, parent=True),
        fold=lambda wildcards: spec.folds(CONFIG, wildcards.dataset)[0],
        most=CONFIG["crop_study"]["items"],
        options=lambda wildcards: options(CONFIG["data"]["prepare"][wildcards.dataset]),
    message:
        "Cutting test faces of {wildcards.dataset} in other ways"
    shell:
        "python -m data_prep recrop {wildcards.dataset} --source {input.source:q} --prepared {params.prepared:q}"
        " --out {params.folder:q} --fold {params.fold} --most {params.most} {params.options} > {log:q} 2>&1"


rule sensitivity:
    input:
        models=expand("<results>/runs/{run}/model.safetensors", run=STUDIED.values()),
        trained=expand("<results>/runs/{run}/train.json", run=STUDIED.values()),
        manifests=expand(rules.prepare.output.manifest, dataset=STUDIED),
        facts=expand(rules.recrop.output.facts, dataset=STUDIED),
        crops=expand(rules.recrop.output.crops, dataset=STUDIED),
        code=sources("hocp.learning.sensitivity_command"),
    output:
        SENSITIVITY,
    log:
        "<logs>/sensitivity.log",
    benchmark:
        "<benchmarks>/sensitivity.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        gpu=min(CONFIG["gpus"], 1),
    params:
        runs=lambda wildcards, input: [Path(path).parent for path in input.models],
        data=lambda wildcards, input: [Path(path).parent for path in input.manifests],
        variants=lambda wildcards, input: [Path(path).parent for path in input.facts],
        device=DEVICE,
    message:
        "Scoring image networks on test faces cut in other ways"
    shell:
        "python -m hocp sensitivity --runs {params.runs:q} --data {params.data:q} --variants {params.variants:q}"
        " --out {output:q} --device {params.device} --threads {threads} > {log:q} 2>&1"

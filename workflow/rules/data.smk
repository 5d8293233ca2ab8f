# Raw releases to prepared data sets: generated look-alikes, or the licensed folders of the configuration.


rule lookalike:
    input:
        code=sources("data_prep.lookalike.cli"),
    output:
        directory("<results>/raw/{dataset}"),
    log:
        "<logs>/lookalike.{dataset}.log",
    benchmark:
        "<benchmarks>/lookalike.{dataset}.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=1500,
        gpu=0,
    params:
        sizes=lambda wildcards: options(CONFIG["data"]["generated"][wildcards.dataset]),
        seed=CONFIG["data"]["generated"]["seed"],
    message:
        "Generating a look-alike of {wildcards.dataset}"
    shell:
        "python -m data_prep lookalike {wildcards.dataset} --out {output:q} --seed {params.seed} {params.sizes}"
        " --processes {threads} > {log:q} 2>&1"


def release(wildcards):
    """Folder of the raw release: generated here, or the licensed one that the user has."""
    if CONFIG["data"]["source"] == "licensed":
        return CONFIG["data"]["licensed"][wildcards.dataset]
    return rules.lookalike.output[0].format(dataset=wildcards.dataset)


def split_list(wildcards):
    """Published list that the split is taken from, where the configuration names one."""
    return CONFIG["data"]["prepare"][wildcards.dataset].get("split_list", [])


rule prepare:
    input:
        source=release,
        split_list=split_list,
        code=sources("data_prep.prepare_command"),
    output:
        manifest="<results>/data/{dataset}/manifest.csv",
        facts="<results>/data/{dataset}/manifest.json",
        crops="<results>/data/{dataset}/crops.h5",
        split="<results>/data/{dataset}/split.csv",
    log:
        "<logs>/prepare.{dataset}.log",
    benchmark:
        "<benchmarks>/prepare.{dataset}.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=1500,
        gpu=0,
    params:
        folder=subpath(output.manifest, parent=True),
        # No output of the rule: it stays when the job fails, and the next one goes on from there.
        work=lambda wildcards: f"results/{CONFIG['scenario']}/cache/prepare/{wildcards.dataset}",
        keep="--keep-work" if CONFIG["data"]["prepare"]["keep_work"] else "",
        data=CONFIG["data"]["source"],
        side=CONFIG["data"]["prepare"]["side"],
        options=lambda wildcards: options(CONFIG["data"]["prepare"][wildcards.dataset]),
    message:
        "Reading, cropping, splitting and packing {wildcards.dataset}"
    shell:
        "python -m data_prep prepare {wildcards.dataset} --source {input.source:q} --out {params.folder:q}"
        " --data {params.data} --side {params.side} {params.options} --processes {threads}"
        " --work {params.work:q} {params.keep} > {log:q} 2>&1"

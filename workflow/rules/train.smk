# One run of training. What decides its result, and only that, is input or parameter: the specification, the
# data, the model it starts from, and the modules that compute. Checkpoints are scratch, not outputs: a killed
# run goes on from its last one.


def start(wildcards):
    """Model that the run starts from; none for training from scratch."""
    origin = SPECS[wildcards.run]["start"]["run"]
    return f"<results>/runs/{origin}/model.safetensors" if origin else []


def data(wildcards):
    """Files of the prepared data set that the run reads."""
    return expand(rules.prepare.output, dataset=dataset_of(wildcards.run))


rule train_run:
    input:
        data=data,
        start=start,
        code=sources("hocp.learning.train_command", without=NOT_DECIDING),
    output:
        model="<results>/runs/{run}/model.safetensors",
        history="<results>/runs/{run}/history.csv",
        facts="<results>/runs/{run}/train.json",
    log:
        "<logs>/train.{run}.log",
    benchmark:
        "<benchmarks>/train.{run}.tsv"
    wildcard_constraints:
        run=one_of(set(SPECS) - LASSO),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        gpu=CONFIG["gpus"],
    params:
        spec=lambda wildcards: json.dumps(SPECS[wildcards.run]),
        data=lambda wildcards, input: Path(input.data[0]).parent,
        start=lambda wildcards, input: (f"--start-run {Path(input.start).parent}" if input.start else ""),
        folder=subpath(output.model, parent=True),
        checkpoints=f"results/{CONFIG['scenario']}/checkpoints/{{run}}",
        train=TRAIN,
        device=DEVICE,
    message:
        "Training {wildcards.run}"
    shell:
        "{params.train} --spec {params.spec:q} --data {params.data:q} {params.start}"
        " --out {params.folder:q} --checkpoints {params.checkpoints:q} --device {params.device}"
        " --threads {threads} > {log:q} 2>&1"


# A run with the lasso also says which ranks it kept. Outputs cannot depend on the run, so that it takes two rules.
use rule train_run as train_lasso_run with:
    output:
        model="<results>/runs/{run}/model.safetensors",
        history="<results>/runs/{run}/history.csv",
        facts="<results>/runs/{run}/train.json",
        ranks="<results>/runs/{run}/ranks.csv",
    wildcard_constraints:
        run=one_of(LASSO),

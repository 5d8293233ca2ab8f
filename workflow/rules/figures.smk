# One rule a figure; its name is that of its module, of its files and of its caption.


def predictions_of(dataset):
    """Predictions of all runs on a data set, on the first fold and seed."""
    runs = [run for run in WHOLE if dataset_of(run) == dataset and SPECS[run]["seed"] == CONFIG["seeds"][0]]
    fold = min(SPECS[run]["fold"] for run in runs)
    return expand(
        rules.evaluate_run.output.predictions,
        run=[run for run in runs if SPECS[run]["fold"] == fold],
    )


def all_predictions_of(*datasets):
    """Predictions of all runs on some data sets, every fold and seed of them."""
    runs = [run for run in WHOLE if dataset_of(run) in datasets]
    return expand(rules.evaluate_run.output.predictions, run=runs)


def manifests_of(*datasets):
    """Manifests of some data sets."""
    return expand(rules.prepare.output.manifest, dataset=datasets)


VIDEO = ("sewa", "afew_va")
MANIFESTS = manifests_of(*DATASETS)
HISTORIES = expand(rules.train_run.output.history, run=WHOLE)

#: Figure -> what it reads, each file under the name of the option that takes it.
FIGURES = {
    "fig_overview": {},
    "fig_tucker": {},
    "fig_cp": {},
    "fig_flops": {"cost": COST, "published": PUBLISHED},
    "fig_sparsity": {"ranks": RANKS, "published": PUBLISHED},
    "fig_trajectory": {
        "predictions": predictions_of("sewa"),
        "manifest": "<results>/data/sewa/manifest.csv",
        "crops": "<results>/data/sewa/crops.h5",
    },
    "fig_training": {"histories": HISTORIES, "manifests": MANIFESTS},
    "fig_clips": {"predictions": all_predictions_of(*VIDEO), "manifests": manifests_of(*VIDEO)},
    "fig_calibration": {"predictions": all_predictions_of(*DATASETS), "manifests": MANIFESTS},
    "fig_pareto": {"runs": RUNS, "intervals": INTERVALS},
    "fig_intervals": {"runs": RUNS, "intervals": INTERVALS, "controls": CONTROLS, "published": PUBLISHED},
    "fig_pareto_time": {"speed": SPEED},
    "fig_latency": {"speed": SPEED},
    "fig_roofline": {"speed": SPEED},
    "fig_groups": {"groups": GROUPS, "runs": RUNS, "manifest": "<results>/data/sewa/manifest.csv"},
    "fig_va_plane": {"manifests": MANIFESTS},
    "fig_faces": {"manifests": MANIFESTS, "crops": expand(rules.prepare.output.crops, dataset=DATASETS)},
    "fig_crops": {"sensitivity": SENSITIVITY},
}

for stem, files in FIGURES.items():

    rule:
        name:
            stem
        input:
            **files,
            labels="figures/labels.yaml",
            code=sources(f"figures.{stem}"),
        output:
            vector=f"<figures>/{stem}.pdf",
            picture=report(
                f"<figures>/{stem}.png",
                category="Figures",
                labels=labels_of(stem, files),
                caption=f"../report/{stem}.rst",
            ),
        log:
            f"<logs>/{stem}.log",
        benchmark:
            f"<benchmarks>/{stem}.tsv"
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=1000,
            gpu=0,
        params:
            stem=stem,
            files=lambda wildcards, input, names=tuple(files): takes_files(input, names),
            prefix=subpath(output.vector, strip_suffix=".pdf"),
        message:
            f"Drawing {stem}"
        shell:
            "python -m figures.{params.stem} --out {params.prefix:q} {params.files} > {log:q} 2>&1"

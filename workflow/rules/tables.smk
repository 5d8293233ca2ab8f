# One rule a table; its name is that of its module, of its files and of its caption.

#: What a table of valence and arousal reads.
EMOTION = {"runs": RUNS, "published": PUBLISHED, "intervals": INTERVALS, "controls": CONTROLS}

#: Table -> what it reads, each file under the name of the option that takes it.
TABLES = {
    "tab_affectnet": {**EMOTION},
    "tab_sewa": {**EMOTION},
    "tab_afew_va": {**EMOTION},
    "tab_comparisons": {"comparisons": COMPARISONS},
    "tab_conventions": {"conventions": CONVENTIONS},
    "tab_sizes": {"cost": COST, "published": PUBLISHED},
    "tab_cifar": {"cost": COST, "published": PUBLISHED},
    "tab_layers": {"layers": LAYERS},
    "tab_speed": {"speed": SPEED, "targets": SPEED_TARGETS},
    "tab_savings": {"speed": SPEED},
    "tab_conformance": {"conformance": CONFORMANCE},
    "tab_data": {
        "facts": expand(rules.prepare.output.facts, dataset=DATASETS),
        "manifest": expand(rules.prepare.output.manifest, dataset=DATASETS),
    },
}
if CONFIG["data"]["source"] == "generated":
    TABLES["tab_data"]["lookalike"] = expand(rules.lookalike.output, dataset=DATASETS)

for stem, files in TABLES.items():

    rule:
        name:
            stem
        input:
            **files,
            labels="figures/labels.yaml",
            code=sources(f"figures.{stem}"),
        output:
            csv=f"<results>/tables/{stem}.csv",
            page=report(
                f"<results>/tables/{stem}.html",
                category="Tables",
                labels=labels_of(stem, files),
                caption=f"../report/{stem}.rst",
            ),
            markdown=f"<results>/tables/{stem}.md",
            latex=f"<results>/tables/{stem}.tex",
        log:
            f"<logs>/{stem}.log",
        benchmark:
            f"<benchmarks>/{stem}.tsv"
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=500,
            gpu=0,
        params:
            stem=stem,
            files=lambda wildcards, input, names=tuple(files): takes_files(input, names),
            prefix=subpath(output.csv, strip_suffix=".csv"),
        message:
            f"Setting {stem}"
        shell:
            "python -m figures.{params.stem} --out {params.prefix:q} {params.files} > {log:q} 2>&1"

# One rule a table; its name is that of its module, of its files and of its caption.

#: What the claims are judged by, each file under the name of the option that takes it.
EVIDENCE = {
    "ledger": LEDGER,
    "published": PUBLISHED,
    "cost": COST,
    "identities": IDENTITIES,
    "runs": RUNS,
    "ranks": expand(rules.train_lasso_run.output.ranks, run=LASSO),
    "comparisons": COMPARISONS,
}


rule claims:
    input:
        **EVIDENCE,
        code=sources("figures.claims"),
    output:
        CLAIMS,
        trail="<results>/claims.trail.json",
    log:
        "<logs>/claims.log",
    benchmark:
        "<benchmarks>/claims.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=500,
        gpu=0,
    params:
        files=lambda wildcards, input: takes_files(input, EVIDENCE),
    message:
        "Judging the claims of the paper"
    shell:
        "python -m figures.claims --out {output[0]:q} {params.files} > {log:q} 2>&1"


#: Data set -> its facts: a table of valence and arousal says how much of the data set is usable.
FACTS = {name: expand(rules.prepare.output.facts, dataset=name) for name in DATASETS}

#: What a table of valence and arousal reads.
EMOTION = {"runs": RUNS, "published": PUBLISHED, "intervals": INTERVALS, "controls": CONTROLS}

#: Table -> what it reads, each file under the name of the option that takes it.
TABLES = {
    "tab_claims": {"claims": CLAIMS, "published": PUBLISHED},
    "tab_audit": {"published": PUBLISHED},
    "tab_affectnet": {**EMOTION, "facts": FACTS["affectnet"]},
    "tab_sewa": {**EMOTION, "facts": FACTS["sewa"]},
    "tab_afew_va": {**EMOTION, "facts": FACTS["afew_va"]},
    "tab_comparisons": {"comparisons": COMPARISONS},
    "tab_conventions": {"conventions": CONVENTIONS},
    "tab_sizes": {"cost": COST, "published": PUBLISHED},
    "tab_cifar": {"cost": COST, "published": PUBLISHED},
    "tab_speed": {"speed": SPEED, "targets": SPEED_TARGETS},
    "tab_savings": {"speed": SPEED},
    "tab_speed_claim": {"speed": SPEED},
    "tab_conformance": {"conformance": CONFORMANCE},
    "tab_campaigns": {"campaigns": CAMPAIGNS, "campaign_facts": CAMPAIGN_FACTS},
    "tab_preparation": {
        "preparation": f"{PREPARATION}.csv",
        "machine": f"{PREPARATION}.json",
        "memory": PREPARATION_MEMORY,
    },
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
            trail=f"<results>/tables/{stem}.trail.json",
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

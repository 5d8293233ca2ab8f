"""Where the three licensed releases come from, on what conditions, and what to put where."""

from typing import NamedTuple


class Access(NamedTuple):
    """How one data set is obtained; texts for a person."""

    title: str
    page: str
    conditions: str
    place: str


ACCESS = {
    "affectnet": Access(
        "AffectNet (2017, manually annotated part, 55 GB; or the 8-label release of 2021, about 5 GB)",
        "http://mohammadmahoor.com/affectnet/",
        "research only; a professor or the head of a laboratory signs the licence agreement, students ask "
        "through their advisor; links arrive privately, copies elsewhere breach the agreement",
        "2017: Manually_Annotated_Images/ (unpacked from its rar volumes) and Manually_Annotated_file_lists/ "
        "with training.csv and validation.csv; 2021: train_set/ and val_set/",
    ),
    "sewa": Access(
        "SEWA DB, Basic (538 segments, about 3 GB; or the subset of AVEC 2017, 2018 or 2019)",
        "https://db.sewaproject.eu",
        "academic research only; register and sign the end-user licence agreement",
        "one folder a segment with its .avi, -Landmarks.zip, -Valence.zip and -Arousal.zip; the zip "
        "files stay packed; of AVEC the folders video and labels",
    ),
    "afew_va": Access(
        "AFEW-VA (600 clips, about 7 GB)",
        "https://ibug.doc.ic.ac.uk/resources/afew-va-database/",
        "research only, by the terms on that page; whether a form is needed we could not verify",
        "the 12 zip archives as delivered, or folders 001 to 600 unpacked from them",
    ),
}

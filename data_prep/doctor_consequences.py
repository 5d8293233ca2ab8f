"""What each finding does to comparability with the paper: one table, a sentence each."""

LIKE_FOR_LIKE = "Numbers made from this release may be set beside the paper's."

CONSEQUENCES: dict[str, str] = {
    # Items
    "img_missing": (
        "Missing test images make another test set, so its scores cannot be set beside the paper's; missing "
        "training images only leave less to learn from."
    ),
    "img_empty": (
        "These items are left out; one such validation image of AffectNet is known and everybody leaves it "
        "out, more of them make a smaller test set than the paper's."
    ),
    "img_undecodable": (
        "These items are left out; in a test part that makes another test set than the paper's."
    ),
    "box_bad": (
        "These faces cannot be cropped and are left out; other authors may have cropped them by other means."
    ),
    "lnd_missing": (
        "These frames cannot be cropped and are left out; the paper does not say what it did with them."
    ),
    "lnd_count": "The points are another mark-up's: crops drawn around them are not the release's.",
    "label_range": (
        "Labels of another scale or column: no number made from them means what the paper's means."
    ),
    "label_null": (
        "Items without a label are left out of training and test alike; a whole missing label file takes "
        "its clip out of the test set."
    ),
    "label_nan": "Items without a number are left out of training and test alike.",
    "frame_gap": (
        "Windows of frames are not drawn across the gap, so fewer frames are scored than the paper scored."
    ),
    "dup_key": "The first copy stays and nothing is counted twice; the numbers do not change.",
    "dup_content": (
        "The first copy stays, in AffectNet the one of the test part; where others kept both, their sets "
        "are larger and may leak between train and test."
    ),
    "va_missing": "Not annotated by the publisher and left out by everybody; comparable.",
    "class_excluded": (
        "Without a usable face by the publisher's own label; comparable with work on eight classes."
    ),
    "rule_excluded": "Left out by the cleaning that was chosen; comparable only with work that cleans alike.",
    "box_clamped": "The box is cut at the border of the image; only these crops may differ slightly.",
    "img_mode_converted": (
        "Grey, palette, alpha and CMYK images become RGB, as every loader does; comparable."
    ),
    "frame_extra": "Frames beyond the labels are ignored; comparable.",
    # The release as a whole
    "count": (
        "Another set of items than the one the literature counts: state the counts beside every number, and "
        "do not call a comparison like for like."
    ),
    "gap": "A part of the release is not here: scores are those of a subset, not of the paper's data set.",
    "note": "Told by the reader of this data set; state it beside the numbers where it is a deviation.",
    "incomplete": "Nothing can be compared before the missing part is there.",
    "archive": "What is in this archive is lost: scores would be those of a subset, and preparation stops.",
    "scale": "It is not known what a label means, so no metric of valence or arousal is defined.",
    "limit": "Preparation stops here, so that no number is made from a copy that is damaged or misread.",
    "unknown": "Nothing here can be compared with the paper.",
    # Layouts and releases
    "generated": "Generated data: its numbers say whether the code works, and nothing about the paper's.",
    "automatic": (
        "The labels are predictions of a network and there is no test part: for training only, and another "
        "training set than the paper's."
    ),
    "release_2021": (
        "Images are cropped by the publisher and other than the paper's crops by face box; test images are "
        "3,999 instead of those of 2017."
    ),
    "spreadsheet": (
        "A copy that went through a spreadsheet may have rounded numbers; the official list is safer."
    ),
}

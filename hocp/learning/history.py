"""What a training run reports: rows of ``history.csv``, a bar in a terminal, plain lines in a log."""

import sys
import time
from typing import Any, TextIO

import torch
from tqdm import tqdm

from hocp.contracts import record
from hocp.learning.losses import Parts

#: Rows of the history of a whole run, evaluations apart.
ROWS = 50

_MEANS = ("loss", "loss_rmse", "loss_pcc", "loss_ccc", "loss_ce", "grad_norm")


class History:
    """Means of the losses since the last row, and the rows.

    Parameters
    ----------
    run : str
    steps : int
        Of the whole run.
    stream : text stream
        A terminal gets a progress bar; anything else gets lines without control characters.
    """

    def __init__(self, run: str, steps: int, *, stream: TextIO | None = None, silent: bool = False):
        self.run, self.steps = run, steps
        self.rows: list[dict[str, Any]] = []
        self._sums, self._count = torch.zeros(len(_MEANS), dtype=torch.float64), 0
        self._before, self._begun = 0.0, time.perf_counter()
        self._stream = stream or sys.stderr
        terminal = not silent and self._stream.isatty()
        self._silent = silent
        self._shown = ""  # last validation, in the bar
        self._bar = tqdm(total=steps, desc=run, file=self._stream, dynamic_ncols=True) if terminal else None

    @property
    def seconds(self) -> float:
        """Time spent on training, earlier sessions of the run included."""
        return self._before + time.perf_counter() - self._begun

    def say(self, line: str) -> None:
        """One line for the person who watches."""
        if self._silent:
            return
        if self._bar is not None:
            self._bar.write(line, file=self._stream)
        else:
            print(line, file=self._stream, flush=True)

    def add(self, parts: Parts, grad_norm: torch.Tensor) -> None:
        """Count one step."""
        values = torch.stack([part.detach() for part in parts] + [grad_norm.detach()])
        self._sums += values.double().cpu()
        self._count += 1
        if self._bar is not None:
            self._bar.update()

    def due(self, done: int) -> bool:
        """Whether a row is due after `done` steps."""
        return done % max(1, self.steps // ROWS) == 0 or done == self.steps

    def row(self, done: int, *, stage: str, lr: float, validation: dict[str, float | None]) -> None:
        """Write a row of the means since the last one."""
        means = (self._sums / max(self._count, 1)).tolist()
        self._sums.zero_()
        self._count = 0
        values = dict(zip(_MEANS, means, strict=True))
        row = {"run": self.run, "stage": stage, "step": done, "seconds": self.seconds, "lr": lr} | values
        row |= {f"val_{name}_ccc": value for name, value in validation.items()}
        self.rows.append({column: _rounded(row.get(column)) for column in record.HISTORY})
        if self._bar is not None:
            self._shown = (
                ", CCC " + " ".join(map(_number, validation.values())) if validation else self._shown
            )
            self._bar.set_postfix_str(f"loss {values['loss']:.3f}{self._shown}")
        else:
            self.say(self._line(self.rows[-1], validation))

    def _line(self, row: dict[str, Any], validation: dict[str, float | None]) -> str:
        ce = f" ce {row['loss_ce']:.3f}" if row["loss_ce"] else ""
        return (
            f"{self.run}  step {row['step']:>{len(str(self.steps))}}/{self.steps}  {row['stage']}  "
            f"loss {row['loss']:.3f} (rmse {row['loss_rmse']:.3f} pcc {row['loss_pcc']:.3f} "
            f"ccc {row['loss_ccc']:.3f}{ce})  grad {row['grad_norm']:.2f}  lr {row['lr']:.1e}  "
            f"{row['seconds']:.0f} s{_validation_text(validation)}"
        )

    def close(self) -> None:
        """Leave the terminal clean."""
        if self._bar is not None:
            self._bar.close()

    def state(self) -> dict[str, Any]:
        """All that `load` needs to go on."""
        return {"rows": self.rows, "sums": self._sums, "count": self._count, "seconds": self.seconds}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.rows, self._count = state["rows"], state["count"]
        self._sums = state["sums"].double().cpu()
        self._before, self._begun = state["seconds"], time.perf_counter()
        if self._bar is not None:
            self._bar.update(self._count + (self.rows[-1]["step"] if self.rows else 0))


def _rounded(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _validation_text(validation: dict[str, float | None]) -> str:
    if not validation:
        return ""
    text = ", ".join(f"{name} {_number(value)}" for name, value in validation.items())
    return f"  validation CCC: {text}"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"

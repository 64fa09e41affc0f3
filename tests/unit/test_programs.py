"""Programs on disk: what a new process may use again, and what it must not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padesign import programs
from padesign.programs import Gradient, Program

traced: list[str] = []


class Answer(eqx.Module):
    total: jax.Array
    nothing: None
    labels: tuple[str, ...] = eqx.field(static=True)


@dataclass(frozen=True)
class Recipe:
    power: int
    name: str = "a"

    def program_key(self) -> tuple[str, ...]:
        return (CONTENT[self.name],)


CONTENT = {"a": "content of a"}


def work(recipe: Recipe, x: jax.Array, more: dict[str, jax.Array]) -> tuple[Answer, dict[str, jax.Array]]:
    traced.append(recipe.name)
    answer = Answer(jnp.sum(x**recipe.power), None, (recipe.name, "b"))
    return answer, {"scaled": more["by"] * x, "solved": jnp.linalg.solve(jnp.eye(3) * more["by"], jnp.ones(3))}


X = np.arange(3.0)
MORE = {"by": jnp.asarray(2.0)}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    """A cache of its own for every test, at the place where the programs stand."""
    before = jax.config.values["jax_compilation_cache_dir"]
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    traced.clear()
    yield tmp_path / "programs"
    jax.config.update("jax_compilation_cache_dir", before)


def fresh() -> Program:
    """As a new process has it: nothing in memory."""
    return Program(work, (0,))


def test_a_new_process_gets_the_same_answer_without_tracing() -> None:
    first, second = fresh()(Recipe(2), X, MORE), fresh()(Recipe(2), X, MORE)
    assert traced == ["a"]
    assert jax.tree.structure(first) == jax.tree.structure(second)
    assert second[0].labels == ("a", "b") and second[0].nothing is None
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        assert np.array_equal(a, b)
    assert float(second[0].total) == 5.0


def test_whatever_shapes_the_program_makes_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh()(Recipe(2), X, MORE)
    assert float(fresh()(Recipe(3), X, MORE)[0].total) == 9.0
    assert float(fresh()(Recipe(2), np.arange(4.0)[1:] + 1.0, MORE)[0].total) == 29.0
    assert len(traced) == 2  # other numbers are no other program
    fresh()(Recipe(2), np.arange(3), MORE)
    fresh()(Recipe(2), X, {"by": np.ones(3)})
    assert len(traced) == 4
    monkeypatch.setitem(CONTENT, "a", "the file of a has changed")
    fresh()(Recipe(2), X, MORE)
    assert len(traced) == 5
    monkeypatch.setattr(programs, "_source_digest", lambda package: f"edited {package}")
    fresh()(Recipe(2), X, MORE)
    assert len(traced) == 6
    monkeypatch.setattr(programs, "_surroundings", lambda: "another machine")
    fresh()(Recipe(2), X, MORE)
    assert len(traced) == 7


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"digest\nnonsense"])
def test_a_damaged_file_is_made_anew(folder: Path, damage: bytes) -> None:
    fresh()(Recipe(2), X, MORE)
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage or whole[: len(whole) // 2])
    assert float(fresh()(Recipe(2), X, MORE)[0].total) == 5.0
    assert len(traced) == 2
    fresh()(Recipe(2), X, MORE)
    assert len(traced) == 2


def test_without_a_folder_or_with_arguments_of_unknown_content_it_is_simply_compiled(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "_describe", lambda *_: (_ for _ in ()).throw(programs._Unknown))
    assert float(fresh()(Recipe(2), X, MORE)[0].total) == 5.0
    assert not folder.exists()
    monkeypatch.undo()
    folder.parent.chmod(0o500)
    folder.write_text("a file where the folder should be") if not folder.exists() else None
    assert float(fresh()(Recipe(2), X, MORE)[0].total) == 5.0
    folder.parent.chmod(0o700)


def test_what_others_could_have_written_is_not_read(folder: Path) -> None:
    fresh()(Recipe(2), X, MORE)
    (file,) = folder.iterdir()
    file.chmod(0o666)
    fresh()(Recipe(2), X, MORE)
    assert len(traced) == 2
    folder.chmod(0o777)
    fresh()(Recipe(2), X, MORE)
    assert len(traced) == 3


def test_the_oldest_programs_are_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "KEPT", 2)
    for power in (1, 2, 3):
        fresh()(Recipe(power), X, MORE)
    assert len(list(folder.iterdir())) == 2


def test_a_program_can_be_differentiated_and_a_closure_is_refused() -> None:
    gradient = jax.grad(lambda x: fresh()(Recipe(2), x, MORE)[0].total)(jnp.asarray(X))
    assert np.allclose(gradient, 2.0 * X)
    with pytest.raises(TypeError, match="module level"):
        Program(lambda x: x + gradient)


def first(recipe: Recipe, x: dict[str, jax.Array], by: jax.Array) -> dict[str, jax.Array]:
    traced.append("first")
    return {"power": by * x["a"] ** recipe.power, "sine": jnp.sin(x["a"] * x["b"])}


def second(recipe: Recipe, y: dict[str, jax.Array], by: jax.Array) -> tuple[jax.Array, jax.Array]:
    traced.append("second")
    return y["power"] * y["sine"], by * jnp.exp(-y["sine"])


def then(recipe: Recipe, y: tuple[jax.Array, jax.Array], offset: jax.Array) -> jax.Array:
    traced.append("then")
    return jnp.sum(y[0] * y[1]) + offset * recipe.power


def test_a_gradient_in_pieces_is_that_of_the_whole() -> None:
    x = {"a": jnp.asarray([0.5, 1.5]), "b": jnp.asarray(2.0)}
    inputs, more = (jnp.asarray(3.0),), (jnp.asarray(0.1),)
    recipe = Recipe(2)
    whole = jax.value_and_grad(lambda x: then(recipe, second(recipe, first(recipe, x, *inputs), *inputs), *more))(x)
    traced.clear()
    for _ in range(2):  # the second is as a new process has it
        value, gradient = Gradient((first, second), then)(recipe, x, inputs, more)
        assert traced == ["first", "second", "then"]
        assert np.allclose(value, whole[0], rtol=1e-14)
        assert gradient.keys() == x.keys()
        assert all(np.allclose(gradient[key], whole[1][key], rtol=1e-14) for key in x)
    traced_too = jax.jit(lambda by: Gradient((first, second), then)(recipe, x, (by,), more)[0])(inputs[0])
    assert np.allclose(traced_too, whole[0], rtol=1e-14)
    with pytest.raises(TypeError, match="module level"):
        Gradient((first, second), lambda recipe, y, offset: whole[0])

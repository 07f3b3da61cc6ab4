from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from tests.hub.tiny import described
from zoo.errors import ZooError
from zoo.export.file import SEAL, properties, read_exported, sealed
from zoo.hub.metadata import ModelMetadata, Weights


def metadata() -> ModelMetadata:
    weights = Weights(sha256="a" * 64, size_bytes=1, parameters=1)
    return described("tiny").model_copy(update={"weights": weights})


def model(**changed: str) -> bytes:
    """A graph of one node, with the properties of an export."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch"]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", values[:1], values[1:])
    made = helper.make_model(graph)
    helper.set_model_props(made, properties(metadata(), "eyes", "fp32") | changed)
    return bytes(made.SerializeToString())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(sealed(model()))
    return path


def test_what_was_written_is_read_without_any_parser_of_graphs(file: Path) -> None:
    found = read_exported(file)
    assert (found.metadata, found.kind, found.precision) == (metadata(), "eyes", "fp32")
    assert len(found.sha256) == 64 and found.blob == file.read_bytes()
    properties_of_onnx = {item.key: item.value for item in onnx.load(str(file)).metadata_props}
    assert properties_of_onnx[SEAL] == found.sha256


def test_every_changed_byte_is_noticed(file: Path) -> None:
    blob = file.read_bytes()
    for at in range(0, len(blob), 7):
        file.write_bytes(blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :])
        with pytest.raises(ZooError):
            read_exported(file)


def test_a_description_that_was_edited_is_refused_with_the_reason(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b'"height":32', b'"height":64'))
    with pytest.raises(ZooError, match=r"tiny\.onnx: altered or damaged, so refused"):
        read_exported(file)


def test_a_file_that_is_cut_short_or_something_else_is_refused(file: Path) -> None:
    blob = file.read_bytes()
    for content in (blob[: len(blob) // 2], b"\xff" * 40, b"a text, not a graph"):
        file.write_bytes(content)
        with pytest.raises(ZooError, match=r"tiny\.onnx"):
            read_exported(file)
    file.unlink()
    with pytest.raises(ZooError, match="cannot be read"):
        read_exported(file)


def test_an_onnx_file_of_others_has_no_known_preprocessing(file: Path) -> None:
    made = onnx.load(str(file))
    del made.metadata_props[:]
    onnx.save(made, str(file))
    with pytest.raises(ZooError, match="not of `zoo export`"):
        read_exported(file)


def test_newer_formats_other_kinds_and_open_seals_are_refused(file: Path) -> None:
    file.write_bytes(sealed(model(**{"zoo.format": "2"})))
    with pytest.raises(ZooError, match="upgrade zoo"):
        read_exported(file)
    file.write_bytes(sealed(model(**{"zoo.kind": "ears"})))
    with pytest.raises(ZooError, match="'ears'"):
        read_exported(file)
    file.write_bytes(model())
    with pytest.raises(ZooError, match="altered or damaged"):
        read_exported(file)
    file.write_bytes(sealed(model()))
    with pytest.raises(ZooError, match="looks at eyes, not at views"):
        read_exported(file, "views")

"""Writes ONNX graphs node by node: the few lines between our models' descriptions and the onnx package.

A graph's weights stay outside it: in a WeightFile of ours or in the safetensors file that a model came in.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from onnx import ModelProto, TensorProto

MICROSOFT = "com.microsoft"  # the domain of onnxruntime's own operators
OPSETS = {"": 21, MICROSOFT: 1}
ALIGNMENT = 4096  # weights start on a page, so that onnxruntime can map them into memory in place
WEIGHTS = "weights.bin"


class WeightFile:
    """The tensors of one or several graphs, in one new file that onnxruntime maps into memory."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / WEIGHTS).open("wb")
        self._tensors: dict[str, TensorProto] = {}

    def tensor(self, name: str, make: Callable[[], np.ndarray]) -> TensorProto:
        """The tensor of that name; the same name is the same tensor, made and written once."""
        import numpy as np
        from onnx import helper

        if name not in self._tensors:
            self._file.seek(-self._file.tell() % ALIGNMENT, 1)
            start = self._file.tell()
            array = make()
            np.ascontiguousarray(array).tofile(self._file)
            dtype = helper.np_dtype_to_tensor_dtype(array.dtype)
            self._tensors[name] = _external(name, array.shape, dtype, WEIGHTS, start, array.nbytes)
        return self._tensors[name]

    def close(self) -> None:
        self._file.close()


class SafetensorsFile:
    """The float32 tensors of a safetensors file, by reference."""

    def __init__(self, path: Path) -> None:
        self._name = path.name
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            self._start = 8 + size
            self._entries = json.loads(file.read(size))

    def tensor(self, name: str) -> TensorProto:
        """Raises KeyError for a name that is not in the file."""
        from onnx import TensorProto

        entry = self._entries[name]
        first, end = entry["data_offsets"]
        return _external(name, entry["shape"], TensorProto.FLOAT, self._name, self._start + first, end - first)


class OnnxGraph:
    """A graph under construction. Values are known by their names."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._initializers: dict[str, TensorProto] = {}

    def input(self, name: str, dtype: str, shape: list[int | str]) -> str:
        self._inputs.append(_value(name, dtype, shape))
        return name

    def output(self, name: str, dtype: str, shape: list[int | str]) -> str:
        self._outputs.append(_value(name, dtype, shape))
        return name

    def weight(self, tensor: TensorProto) -> str:
        """A constant tensor kept in a file; the same name is the same tensor."""
        self._initializers.setdefault(tensor.name, tensor)
        return str(tensor.name)

    def constant(self, name: str, array: np.ndarray) -> str:
        """A small constant, such as axes and shapes, kept inside the graph."""
        from onnx import numpy_helper

        return self.weight(numpy_helper.from_array(array, name))

    def add(
        self, operator: str, inputs: list[str], outputs: str | list[str], domain: str = "", **attributes: Any
    ) -> str:
        """Adds a node and returns its first output. An empty name stands for an input or output left out."""
        from onnx import helper

        names = [outputs] if isinstance(outputs, str) else outputs
        self._nodes.append(helper.make_node(operator, inputs, names, domain=domain, **attributes))
        return names[0]

    def model(self) -> ModelProto:
        """The whole graph. It finds its weights in the folder that onnxruntime reads it in or is told of."""
        from onnx import helper

        initializers = list(self._initializers.values())
        graph = helper.make_graph(self._nodes, self._name, self._inputs, self._outputs, initializers)
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)

    def save(self, path: Path) -> None:
        """Writes the graph; its place is beside its weights."""
        import onnx

        onnx.save_model(self.model(), path)


def _external(name: str, shape: Any, dtype: int, file: str, start: int, size: int) -> TensorProto:
    """A tensor of `size` bytes that lie `start` bytes into the file beside the graph."""
    from onnx import TensorProto

    tensor = TensorProto(name=name, dims=shape, data_type=dtype, data_location=TensorProto.EXTERNAL)
    for key, value in (("location", file), ("offset", start), ("length", size)):
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def _value(name: str, dtype: str, shape: list[int | str]) -> Any:
    import numpy as np
    from onnx import helper

    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)

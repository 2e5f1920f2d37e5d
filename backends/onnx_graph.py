"""Writes ONNX graphs node by node: the few lines between our models' descriptions and the onnx package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

OPSETS = {"": 21, "com.microsoft": 1}
ALIGNMENT = 4096  # weights start on a page, so that onnxruntime can map them into memory in place
WEIGHTS = "weights.bin"


class WeightFile:
    """The tensors of one or several graphs, in one file that onnxruntime maps into memory."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._file = (folder / WEIGHTS).open("wb")
        self._tensors: dict[str, Any] = {}

    def add(self, name: str, array: np.ndarray) -> Any:
        """The tensor of that name; the same name is the same tensor and is written once."""
        import numpy as np
        from onnx import TensorProto, helper

        if name not in self._tensors:
            self._file.seek(-self._file.tell() % ALIGNMENT, 1)
            start = self._file.tell()
            np.ascontiguousarray(array).tofile(self._file)
            tensor = TensorProto(
                name=name,
                dims=array.shape,
                data_type=helper.np_dtype_to_tensor_dtype(array.dtype),
                data_location=TensorProto.EXTERNAL,
            )
            for key, value in (("location", WEIGHTS), ("offset", start), ("length", array.nbytes)):
                tensor.external_data.add(key=key, value=str(value))
            self._tensors[name] = tensor
        return self._tensors[name]

    def close(self) -> None:
        self._file.close()


class OnnxGraph:
    """A graph under construction. Values are known by their names."""

    def __init__(self, weights: WeightFile) -> None:
        self._weights = weights
        self._nodes: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._initializers: dict[str, Any] = {}

    def input(self, name: str, dtype: str, shape: list[int | str]) -> str:
        self._inputs.append(_value(name, dtype, shape))
        return name

    def output(self, name: str, dtype: str, shape: list[int | str]) -> str:
        self._outputs.append(_value(name, dtype, shape))
        return name

    def weight(self, name: str, array: np.ndarray) -> str:
        """A constant tensor. The same name is the same tensor, also in another graph over the same file."""
        self._initializers.setdefault(name, self._weights.add(name, array))
        return name

    def constant(self, name: str, array: np.ndarray) -> str:
        """A small constant, such as axes and shapes, kept inside the graph."""
        from onnx import numpy_helper

        self._initializers.setdefault(name, numpy_helper.from_array(array, name))
        return name

    def add(
        self, operator: str, inputs: list[str], outputs: str | list[str], domain: str = "", **attributes: Any
    ) -> str:
        """Adds a node and returns its first output. An empty name stands for an input or output left out."""
        from onnx import helper

        names = [outputs] if isinstance(outputs, str) else outputs
        self._nodes.append(helper.make_node(operator, inputs, names, domain=domain, **attributes))
        return names[0]

    def save(self, file: str) -> Path:
        """Writes the graph beside its weights and returns its path."""
        import onnx
        from onnx import helper

        graph = helper.make_graph(
            self._nodes, Path(file).stem, self._inputs, self._outputs, list(self._initializers.values())
        )
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        path = self._weights.folder / file
        onnx.save_model(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
        return path


def _value(name: str, dtype: str, shape: list[int | str]) -> Any:
    import numpy as np
    from onnx import helper

    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)

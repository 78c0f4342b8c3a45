using Evenkeel.Onnx.Format;
using static Evenkeel.Tests.Onnx.OnnxGraph;

namespace Evenkeel.Interop.Tests.Fuzz;

/// <summary>Random graphs of each operator that is imported.</summary>
internal static class OnnxImportCases
{
    public static SortedDictionary<string, Action<OnnxImportCase>> All { get; } = Make();

    private static SortedDictionary<string, Action<OnnxImportCase>> Make()
    {
        var all = new SortedDictionary<string, Action<OnnxImportCase>>(StringComparer.Ordinal);
        foreach (string op in (string[])
            ["Relu", "Sigmoid", "Tanh", "Softsign", "Softplus", "HardSwish", "Mish", "Erf",
            "LeakyRelu", "Elu", "Celu", "Selu", "HardSigmoid", "ThresholdedRelu", "Exp", "Neg", "Abs", "Floor", "Ceil",
            "Round", "Sign", "Identity", "Gelu", "Reciprocal"])
        {
            all[op] = one =>
            {
                one.Opset(op is "Mish" or "HardSwish" ? [18, 22] : op == "Gelu" ? [20] : op is "Round" or "Celu" ? [12,
                    17] : [10, 13, 17]);
                bool alpha = op is "LeakyRelu" or "Elu" or "Celu" or "Selu" or "HardSigmoid" or "ThresholdedRelu";
                one.Node(op, [one.X("x", one.Shape(0, 4), false)],
                    alpha ? one.Maybe(Float("alpha", (float)one.Draw.Number(0.1, 1.5))) : null,
                    op == "HardSigmoid" ? one.Maybe(Float("beta", 0.3f)) : null,
                    op == "Selu" ? one.Maybe(Float("gamma", 1.2f)) : null,
                    op == "Gelu" ? one.Maybe(Text("approximate", "tanh")) : null);
            };
        }

        foreach (string op in new[] { "Log", "Sqrt" })
        {
            all[op] = one =>
            {
                one.Opset(13);
                one.Node(op, [one.X("x", one.Shape(0, 4), false, Math.Abs)]);
            };
        }

        foreach (string op in new[] { "Neg", "Abs", "Sign", "Relu" })
        {
            all[op + " int"] = one =>
            {
                one.Opset(14);
                int type = one.Draw.Pick(6, 7);
                one.Node(op, [one.Integers("x", one.Shape(0, 3), -5, 5, false, op == "Relu" ? 6 : type)]);
            };
        }

        foreach (string op in (string[])
            ["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Mod", "Equal", "Greater",
            "GreaterOrEqual", "Less", "LessOrEqual", "PRelu", "Sum", "Mean"])
        {
            bool compares = op is "Equal" or "Greater" or "GreaterOrEqual" or "Less" or "LessOrEqual";
            all[op] = one =>
            {
                one.Opset(compares || op is "Pow" or "Mod" ? [13, 17] : [8, 13, 17]);
                int[] shape = one.Shape(0, 4);
                bool whole = op != "Mean" && op != "PRelu" && (op == "Mod" || (one.Version >= 13 && op != "Sum"
                    && one.Draw.Chance(0.4)));
                int[] other = op == "Pow" && one.Draw.Chance(0.4) ? [] : one.Fitting(shape);
                bool swap = op != "PRelu" && one.Draw.Chance(0.3);
                string x, y;
                if (whole)
                {
                    bool divides = op is "Div" or "Mod";
                    x = one.Integers("x", shape, -9, 9, false);
                    y = divides ? one.Add("z", 7, Tensor.From([.. Enumerable.Range(0, new Shape(other).Count)
                        .Select(_ => (long)one.Draw.Pick(-3, -2, -1, 1, 2, 5))], new Shape(other)), null)
                        : one.Integers("z", other, op == "Pow" ? 0 : -9, op == "Pow" ? 4 : 9);
                    if (divides || op == "Pow") swap = false;
                }
                else
                {
                    x = one.X("x", shape, false, op == "Pow" ? Math.Abs : null);
                    y = one.X("z", other, null, op == "Div" ? static v => v == 0 ? 1 : v : null);
                    if (op == "Pow") swap = false;
                }

                string[] inputs = swap ? [y, x] : [x, y];
                if (op is "Sum" or "Max" or "Min" or "Mean" && one.Draw.Chance(0.5)) inputs = [.. inputs, inputs[0]];
                one.Node(op, inputs, op == "Mod" ? one.Maybe(Int("fmod", 1)) : null);
            };
        }

        all["Mod of floats"] = one =>
        {
            one.Opset(13);
            int[] shape = one.Shape(0, 3);
            one.Node("Mod", [one.X("x", shape, false), one.X("z", one.Fitting(shape), null, static v => v == 0 ? 1
                : v)], Int("fmod", 1));
        };
        foreach (string op in new[] { "And", "Or", "Xor", "Not", "Where" })
        {
            all[op] = one =>
            {
                one.Opset(16);
                int[] shape = one.Shape(0, 4);
                string a = one.Integers("x", shape, 0, 1, false, 9);
                if (op == "Not") one.Node(op, [a]);
                else if (op != "Where") one.Node(op, [a, one.Integers("z", one.Fitting(shape), 0, 1, null, 9)]);
                else if (one.Draw.Chance(0.5)) one.Node(op, [a, one.X("p", one.Fitting(shape)), one.X("q",
                    one.Fitting(shape))]);
                else one.Node(op, [a, one.Integers("p", one.Fitting(shape), -9, 9), one.Integers("q",
                    one.Fitting(shape), -9, 9)]);
            };
        }

        all["Clip"] = one =>
        {
            one.Opset(6, 11, 13);
            bool whole = one.Version >= 13 && one.Draw.Chance(0.4);
            if (one.Version < 11)
            {
                one.Node("Clip", [one.X("x", one.Shape(0, 3), false)], one.Maybe(Float("min", -0.5f)),
                    one.Maybe(Float("max", 0.75f)));
                return;
            }

            string x = whole ? one.Integers("x", one.Shape(0, 3), -9, 9, false) : one.X("x", one.Shape(0, 3), false);
            string low = one.Draw.Chance(0.3) ? "" : whole ? one.Integers("low", [], -5, 3) : one.X("low", []);
            string high = one.Draw.Chance(0.3) ? "" : whole ? one.Integers("high", [], -3, 5) : one.X("high", []);
            one.Node("Clip", high.Length > 0 ? [x, low, high] : low.Length > 0 ? [x, low] : [x]);
        };
        foreach (string op in new[] { "Softmax", "LogSoftmax" })
        {
            all[op] = one =>
            {
                one.Opset(9, 11, 13);
                int[] shape = one.Shape(1, 4);
                int axis = one.Draw.Int(one.Version < 11 ? 0 : -shape.Length, shape.Length - 1);
                one.Node(op, [one.X("x", shape, false)], shape.Length == 1 && one.Version < 13 ? Int("axis", 0)
                    : one.Maybe(Int("axis", axis)));
            };
        }

        foreach (string op in (string[])
            ["ReduceMean", "ReduceSum", "ReduceSumSquare", "ReduceL1", "ReduceL2",
            "ReduceLogSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceLogSumExp"])
        {
            all[op] = one =>
            {
                one.Opset(11, 13, 18);
                int[] shape = one.Shape(0, 4);
                bool whole = one.Draw.Chance(0.3) && op is "ReduceSum" or "ReduceMax" or "ReduceMin" or "ReduceProd";
                string x = whole ? one.Integers("x", shape, -4, 4, false) : one.X("x", shape, false,
                    op == "ReduceLogSum" ? Math.Abs : null);
                long[] axes = [.. Enumerable.Range(0, shape.Length).Where(_ => one.Draw.Chance(0.5))
                    .Select(axis => (long)(one.Draw.Chance(0.5) ? axis - shape.Length : axis))];
                bool asInput = one.Version >= 18 || (op == "ReduceSum" && one.Version >= 13);
                AttributeProto? keep = one.Maybe(Int("keepdims", one.Draw.Int(0, 1)));
                AttributeProto? noop = asInput ? one.Maybe(Int("noop_with_empty_axes", one.Draw.Int(0, 1))) : null;
                if (one.Draw.Chance(0.25)) one.Node(op, [x], keep, noop);
                else if (asInput) one.Node(op, [x, one.Longs("axes", axes)], keep, noop);
                else if (axes.Length > 0) one.Node(op, [x], Ints("axes", axes), keep);
                else one.Node(op, [x], keep);
            };
        }

        all["ArgMax"] = one =>
        {
            one.Opset(11, 13);
            int[] shape = one.Shape(1, 4);
            one.Node("ArgMax", [one.X("x", shape, false)], one.Maybe(Int("axis", one.Draw.Int(-shape.Length,
                shape.Length - 1))),
                one.Maybe(Int("keepdims", 0)), one.Draw.Chance(0.1) ? Int("select_last_index", 1) : null);
        };
        all["MatMul"] = one =>
        {
            one.Opset(9, 13);
            int k = one.Draw.Int(1, 4);
            int[] lead = one.Shape(0, 2);
            int[] a = one.Draw.Chance(0.2) ? [k] : [.. lead, one.Draw.Int(1, 4), k];
            int[] b = one.Draw.Chance(0.2) ? [k] : [.. one.Draw.Chance(0.5) ? [] : one.Fitting(lead), k,
                one.Draw.Int(1, 4)];
            one.Node("MatMul", [one.X("x", a, one.Draw.Chance(0.2)), one.X("w", b)]);
        };
        all["MatMul Add"] = one =>
        {
            one.Opset(13);
            int k = one.Draw.Int(1, 4), n = one.Draw.Int(1, 4);
            int[] a = one.Draw.Chance(0.3) ? [k] : [.. one.Shape(0, 2), one.Draw.Int(1, 4), k];
            one.Node("MatMul", [one.X("x", a, false), one.X("w", [k, n], true)], one.Draw.Chance(0.2) ? ["ym"] : ["m"]);
            string product = one.Graph.Proto.Graph.Node[0].Output[0], b = one.X("b", one.Draw.Pick<int[]>([n], [1, n],
                [1], []), true);
            one.Node("Add", one.Draw.Chance(0.5) ? [product, b] : [b, product], ["y"]);
            if (one.Draw.Chance(0.3)) one.Node("Relu", [product], ["yr"]);
        };
        all["Gemm"] = one =>
        {
            one.Opset(9, 11, 13);
            int m = one.Draw.Int(1, 4), k = one.Draw.Int(1, 4), n = one.Draw.Int(1, 4);
            int ta = one.Draw.Int(0, 1), tb = one.Draw.Int(0, 1);
            string x = one.X("x", ta == 1 ? [k, m] : [m, k], false), w = one.X("w", tb == 1 ? [n, k] : [k, n]);
            int[] shape = one.Draw.Pick<int[]>([n], [1, n], [m, 1], [m, n], [1], []);
            one.Node("Gemm", one.Version >= 11 && one.Draw.Chance(0.3) ? [x, w] : [x, w, one.X("c", shape)],
                ta == 1 ? Int("transA", 1) : null, tb == 1 ? Int("transB", 1) : null,
                one.Draw.Chance(0.3) ? Float("alpha", 0.5f) : null, one.Draw.Chance(0.3) ? Float("beta", 2) : null);
        };
        foreach (string op in new[] { "Conv", "ConvTranspose" })
        {
            all[op] = one =>
            {
                one.Opset(9, 11, 13);
                int d = one.Draw.Int(1, 3), groups = one.Draw.Pick(1, 1, 2), each = one.Draw.Int(1, 2),
                    filters = one.Draw.Int(1, 2);
                long[] kernel = Some(one, d, 1, 3), strides = Some(one, d, 1, 3), dilations = Some(one, d, 1, 2),
                    pads = Some(one, 2 * d, 0, 2);
                int[] x = [one.Draw.Int(1, 2), groups * each, .. Some(one, d, 3, 7).Select(static v => (int)v)];
                int[] w = op == "Conv" ? [groups * filters, each, .. kernel.Select(static v => (int)v)]
                    : [groups * each, filters, .. kernel.Select(static v => (int)v)];
                string auto = one.Draw.Chance(0.6) ? "NOTSET" : one.Draw.Pick("SAME_UPPER", "SAME_LOWER", "VALID");
                // ONNX Runtime does not reach the size of "same" where the windows do not.
                for (int i = 0; i < d && op == "ConvTranspose"
                    && auto[0] == 'S'; i++) strides[i] = Math.Min(strides[i], kernel[i]);
                long[] added = Some(one, d, 0, 1);
                for (int i = 0; i < d; i++) added[i] = Math.Min(added[i], strides[i] - 1);
                List<string> inputs = [one.X("x", x, false), one.X("w", w)];
                if (one.Draw.Chance(0.5)) inputs.Add(one.X("b", [groups * filters]));
                bool shaped = op == "ConvTranspose" && one.Draw.Chance(0.2);
                one.Node(op, [.. inputs], one.Maybe(Ints("kernel_shape", kernel)), one.Maybe(Ints("strides", strides)),
                    op == "ConvTranspose" && auto != "NOTSET" ? null : one.Maybe(Ints("dilations", dilations)),
                    groups > 1 ? Int("group", groups) : null,
                    auto != "NOTSET" ? Text("auto_pad", auto) : one.Maybe(Ints("pads", pads)),
                    op == "ConvTranspose" && one.Draw.Chance(0.3) ? Ints("output_padding", added) : null,
                    shaped ? Ints("output_shape", [.. Enumerable.Range(0, d).Select(i => (x[i + 2] * strides[i])
                        + one.Draw.Int(-1, 1))]) : null);
            };
        }

        foreach (string op in new[] { "MaxPool", "AveragePool" })
        {
            all[op] = one =>
            {
                one.Opset(op == "MaxPool" ? [10, 12] : [10, 11, 19]);
                int d = one.Draw.Int(1, 3);
                long[] kernel = Some(one, d, 1, 3), pads = [.. Enumerable.Range(0, 2 * d).Select(i =>
                    (long)one.Draw.Int(0, (int)kernel[i % d] - 1))];
                string auto = one.Draw.Chance(0.6) ? "NOTSET" : one.Draw.Pick("SAME_UPPER", "SAME_LOWER", "VALID");
                long[] strides = Some(one, d, 1, 3);
                // ONNX Runtime begins behind the first value where "same" needs no padding.
                for (int i = 0; i < d && auto[0] == 'S'; i++) strides[i] = Math.Min(strides[i], kernel[i]);
                bool dilates = op == "MaxPool" || one.Version >= 19;
                one.Node(op, [one.X("x", [one.Draw.Int(1, 2), one.Draw.Int(1, 2), .. Some(one, d, 5,
                    8).Select(static v => (int)v)], false)],
                    Ints("kernel_shape", kernel), one.Maybe(Ints("strides", strides)),
                    auto != "NOTSET" ? Text("auto_pad", auto) : one.Maybe(Ints("pads", pads)),
                    dilates && auto[0] == 'N' && one.Draw.Chance(0.3) ? Ints("dilations", Some(one, d, 1, 2)) : null,
                    one.Draw.Chance(0.3) ? Int("ceil_mode", 1) : null,
                    op == "AveragePool" ? one.Maybe(Int("count_include_pad", 1)) : null);
            };
        }

        foreach (string op in new[] { "GlobalAveragePool", "GlobalMaxPool" })
        {
            all[op] = one =>
            {
                one.Opset(13);
                one.Node(op, [one.X("x", [1, .. one.Shape(1, 4)], false)]);
            };
        }

        all["BatchNormalization"] = one =>
        {
            one.Opset(7, 9, 14, 15);
            one.Bound = 5e-4;
            int c = one.Draw.Int(1, 4);
            bool constant = one.Draw.Chance(0.7);
            string[] inputs = [one.X("x", [one.Draw.Int(1, 3), c, .. one.Shape(0, 3)], false), one.X("s", [c],
                constant),
                one.X("b", [c], constant), one.X("m", [c], constant), one.X("v", [c], constant, static v => Math.Abs(v)
                    + 0.1)];
            bool trains = one.Version >= 14 && one.Draw.Chance(0.3);
            one.Node("BatchNormalization", inputs, trains ? ["y", "ym", "yv"] : ["y"], one.Maybe(Float("epsilon",
                0.01f)),
                one.Maybe(Float("momentum", 0.7f)), trains ? Int("training_mode", 1) : null);
        };
        all["InstanceNormalization"] = one =>
        {
            one.Opset(6, 13);
            int c = one.Draw.Int(1, 4);
            one.Node("InstanceNormalization", [one.X("x", [one.Draw.Int(1, 3), c, one.Draw.Int(2, 4), .. one.Shape(0,
                2)], false), one.X("s", [c]), one.X("b", [c])],
                one.Maybe(Float("epsilon", 0.01f)));
        };
        all["LayerNormalization"] = one =>
        {
            one.Opset(17);
            int[] shape = one.Shape(1, 4);
            int axis = one.Draw.Int(-shape.Length, shape.Length - 1);
            int[] rest = shape[(axis < 0 ? axis + shape.Length : axis)..];
            string x = one.X("x", shape, false), s = one.X("s", one.Draw.Chance(0.2) ? one.Fitting(rest) : rest);
            string[] inputs = one.Draw.Chance(0.5) ? [x, s] : [x, s, one.X("b", one.Draw.Chance(0.2)
                ? one.Fitting(rest) : rest)];
            one.Node("LayerNormalization", inputs, one.Draw.Chance(0.3) ? ["y", "ym", "yr"] : ["y"], Int("axis", axis),
                one.Maybe(Float("epsilon", 0.01f)));
        };
        all["RMSNormalization"] = one =>
        {
            one.Opset(23);
            int[] shape = one.Shape(1, 4);
            int axis = one.Draw.Int(-shape.Length, shape.Length - 1);
            one.Node("RMSNormalization", [one.X("x", shape, false), one.X("s", shape[(axis < 0 ? axis + shape.Length
                : axis)..])], Int("axis", axis), one.Maybe(Float("epsilon", 0.01f)));
        };
        all["GroupNormalization"] = one =>
        {
            one.Opset(18, 21);
            one.Bound = 5e-4;
            int groups = one.Draw.Int(1, 3), c = groups * one.Draw.Int(2, 3), n = one.Version < 21 ? groups : c;
            one.Node("GroupNormalization", [one.X("x", [one.Draw.Int(1, 3), c, .. one.Shape(1, 3)], false, static v =>
                v % 3), one.X("s", [n]), one.X("b", [n])],
                Int("num_groups", groups), one.Maybe(Float("epsilon", 0.01f)));
        };
        all["LRN"] = one =>
        {
            one.Opset(13);
            one.Node("LRN", [one.X("x", [one.Draw.Int(1, 2), one.Draw.Int(1, 6), one.Draw.Int(1, 3), one.Draw.Int(1,
                3)], false)], Int("size", one.Draw.Pick(1, 3, 5)),
                one.Maybe(Float("alpha", 0.5f)), one.Maybe(Float("beta", 0.5f)), one.Maybe(Float("bias", 2)));
        };
        all["MeanVarianceNormalization"] = one =>
        {
            one.Opset(9, 13);
            one.Node("MeanVarianceNormalization", [one.X("x", [2, 3, 4, 3], false)], one.Maybe(Ints("axes",
                one.Draw.Pick<long[]>([0, 2, 3], [2, 3], [1, 2, 3]))));
        };
        all["LpNormalization"] = one =>
        {
            one.Opset(13);
            int[] shape = one.Shape(1, 4);
            one.Node("LpNormalization", [one.X("x", shape, false, static v => v + 3)], one.Maybe(Int("axis",
                one.Draw.Int(-shape.Length, shape.Length - 1))), one.Maybe(Int("p", 1)));
        };
        all["Resize"] = one =>
        {
            one.Opset(10, 11, 13, 18);
            int[] shape = [one.Draw.Int(1, 2), one.Draw.Int(1, 2), one.Draw.Int(2, 6), one.Draw.Int(2, 6)];
            string mode = one.Draw.Pick("nearest", "nearest", "linear"), x = one.X("x", shape, false);
            float Scale() => one.Draw.Pick(0.5f, 1, 1.5f, 2, 0.7f, 2.3f, 3);
            if (one.Version == 10)
            {
                one.Node("Resize", [x, one.Add("scales", 1, Tensor.From([1f, 1, Scale(), Scale()]), true)],
                    Text("mode", mode));
                return;
            }

            bool bySizes = one.Draw.Chance(0.5), axes = one.Version >= 18 && one.Draw.Chance(0.3);
            string[] inputs = bySizes
                ? [x, "", "", axes ? one.Longs("sizes", one.Draw.Int(1, 9), one.Draw.Int(1, 9)) : one.Longs("sizes",
                    shape[0], shape[1], one.Draw.Int(1, 9), one.Draw.Int(1, 9))]
                : [x, "", one.Add("scales", 1, axes ? Tensor.From([Scale(), Scale()]) : Tensor.From([1f, 1, Scale(),
                    Scale()]), true)];
            one.Node("Resize", inputs, Text("mode", mode), axes ? Ints("axes", 2, one.Draw.Pick(3, -1)) : null,
                one.Maybe(Text("coordinate_transformation_mode", one.Draw.Pick("half_pixel", "asymmetric",
                    "align_corners", "pytorch_half_pixel"))),
                one.Maybe(Text("nearest_mode", one.Draw.Pick("round_prefer_floor", "round_prefer_ceil", "floor",
                    "ceil"))));
        };
        all["Resize rows"] = one =>
        {
            one.Opset(13);
            int d = one.Draw.Pick(1, 3);
            string x = one.X("x", [1, 2, .. Some(one, d, 1, 5).Select(static v => (int)v)], false);
            one.Node("Resize", [x, "", "", one.Longs("sizes", [1, 2, .. Some(one, d, 1, 7)])], Text("mode",
                one.Draw.Pick("nearest", "linear")),
                one.Maybe(Text("coordinate_transformation_mode", one.Draw.Pick("half_pixel", "asymmetric",
                    "align_corners"))));
        };
        all["Upsample"] = one =>
        {
            one.Opset(7, 9);
            string x = one.X("x", [1, 2, one.Draw.Int(1, 5), one.Draw.Int(1, 5)], false);
            float[] scales = [1, 1, one.Draw.Pick(1f, 1.5f, 2, 3), one.Draw.Pick(1f, 2, 2.5f)];
            var attribute = new AttributeProto { Name = "scales", Type = AttributeProto.Types.AttributeType.Floats };
            attribute.Floats.Add(scales);
            if (one.Version < 9) one.Node("Upsample", [x], attribute);
            else one.Node("Upsample", [x, one.Add("scales", 1, Tensor.From(scales), true)]);
        };
        all["Shape"] = one =>
        {
            one.Opset(15);
            one.Node("Shape", [one.X("x", one.Shape(0, 5), false)], one.Maybe(Int("start", one.Draw.Int(-6, 6))),
                one.Maybe(Int("end", one.Draw.Int(-6, 6))));
        };
        all["Size"] = one =>
        {
            one.Opset(13);
            one.Node("Size", [one.X("x", one.Shape(0, 4), false)]);
        };
        all["Reshape"] = one =>
        {
            one.Opset(8, 14);
            int[] shape = one.Shape(1, 4);
            long[] target = [.. shape.Select(static v => (long)v)];
            int count = new Shape(shape).Count;
            target = one.Draw.Pick(target, [-1], [0, -1], [count], [1, count, 1], [.. target[..^1], -1, 1], [0,
                .. target[1..]]);
            one.Node("Reshape", [one.X("x", shape, false), one.Longs("t", target)]);
        };
        all["Flatten"] = one =>
        {
            one.Opset(9, 11, 13);
            int[] shape = one.Shape(1, 4);
            one.Node("Flatten", [one.X("x", shape, false)], one.Maybe(Int("axis", one.Draw.Int(one.Version < 11 ? 0
                : -shape.Length, shape.Length))));
        };
        all["Squeeze"] = one =>
        {
            one.Opset(11, 13);
            int[] shape = [1, .. one.Shape(0, 2), 1];
            string x = one.X("x", shape, false);
            long[] axes = one.Draw.Pick<long[]>([0], [-1], [0, -1], [-1, 0]);
            if (one.Draw.Chance(0.2)) one.Node("Squeeze", [x]);
            else if (one.Version < 13) one.Node("Squeeze", [x], Ints("axes", axes));
            else one.Node("Squeeze", [x, one.Longs("axes", axes)]);
        };
        all["Unsqueeze"] = one =>
        {
            one.Opset(11, 13);
            string x = one.X("x", one.Shape(1, 3), false);
            long[] axes = one.Draw.Pick<long[]>([0], [-1], [0, 2], [-1, 0], [2, 0], [1]);
            if (one.Version < 13) one.Node("Unsqueeze", [x], Ints("axes", axes));
            else one.Node("Unsqueeze", [x, one.Longs("axes", axes)]);
        };
        all["Transpose"] = one =>
        {
            one.Opset(13);
            int[] shape = one.Shape(0, 5);
            long[] perm = [.. Enumerable.Range(0, shape.Length).OrderBy(_ => one.Draw.Int(0, 1000)).Select(static v =>
                (long)v)];
            string x = one.Draw.Chance(0.3) ? one.Integers("x", shape, -9, 9, false) : one.X("x", shape, false);
            one.Node("Transpose", [x], perm.Length > 0 ? one.Maybe(Ints("perm", perm)) : null);
        };
        all["Concat"] = one =>
        {
            one.Opset(11, 13);
            int[] shape = one.Shape(1, 4);
            int axis = one.Draw.Int(-shape.Length, shape.Length - 1), at = axis < 0 ? axis + shape.Length : axis;
            bool whole = one.Draw.Chance(0.3);
            string[] parts = [.. Enumerable.Range(0, one.Draw.Int(1, 3)).Select(i =>
            {
                int[] own = [.. shape];
                own[at] = one.Draw.Int(i == 0 ? 1 : 0, 3);
                return whole ? one.Integers($"x{i}", own, -9, 9, i == 0 ? false : null) : one.X($"x{i}", own, i == 0
                    ? false : null);
            })];
            one.Node("Concat", parts, Int("axis", axis));
        };
        all["Split"] = one =>
        {
            one.Opset(11, 13, 18);
            int[] shape = one.Shape(1, 4);
            int axis = one.Draw.Int(-shape.Length, shape.Length - 1), at = axis < 0 ? axis + shape.Length : axis;
            shape[at] = one.Draw.Int(2, 7);
            string x = one.X("x", shape, false);
            bool equal = one.Draw.Chance(0.5);
            long[] sizes = [1, shape[at] - 1];
            if (equal
                && one.Version < 18) 
            {
                one.Graph.Proto.Graph.Input.Clear();
                one.Inputs.Clear();
                shape[at] = 4;
                x = one.X("x", shape, false);
            }

            if (equal) one.Node("Split", [x], ["y0", "y1"], Int("axis", axis), one.Version >= 18 ? Int("num_outputs",
                2) : null);
            else if (one.Version < 13) one.Node("Split", [x], ["y0", "y1"], Int("axis", axis), Ints("split", sizes));
            else one.Node("Split", [x, one.Longs("s", sizes)], ["y0", "y1"], Int("axis", axis));
        };
        all["Slice"] = one =>
        {
            one.Opset(9, 11, 13);
            int[] shape = one.Shape(1, 4);
            string x = one.Draw.Chance(0.3) ? one.Integers("x", shape, -9, 9, false) : one.X("x", shape, false);
            int n = one.Draw.Int(1, shape.Length);
            long[] Ends() => [.. Enumerable.Range(0, n).Select(_ => one.Draw.Pick(0L, 1, 2, -1, -2, 5, -9,
                int.MaxValue, long.MaxValue, long.MinValue))];
            long[] starts = [.. Ends()], ends = Ends(), axes = [.. Enumerable.Range(0, n).Select(static i => (long)i)];
            // With a negative step ONNX Runtime takes the largest number for the beginning.
            bool isLast = Array.Exists(ends, static end => end >= int.MaxValue);
            if (one.Version < 10) one.Node("Slice", [x], Ints("starts", starts), Ints("ends", ends),
                one.Maybe(Ints("axes", axes)));
            else if (one.Draw.Chance(0.2)) one.Node("Slice", [x, one.Longs("s", starts), one.Longs("e", ends)]);
            else
            {
                one.Node("Slice", [x, one.Longs("s", starts), one.Longs("e", ends), one.Draw.Chance(0.3) ? ""
                    : one.Longs("a", [.. axes.Select(a => one.Draw.Chance(0.5) ? a : a - shape.Length)]),
                    one.Longs("t", [.. axes.Select(_ => isLast ? one.Draw.Pick(1L, 2, 3, long.MaxValue)
                        : one.Draw.Pick(1L, 2, -1, -2, 3, long.MaxValue, -7))])]);
            }
        };
        foreach (string op in new[] { "Gather", "GatherElements" })
        {
            all[op] = one =>
            {
                one.Opset(11, 13);
                int[] shape = one.Shape(1, 3);
                int axis = one.Draw.Int(-shape.Length, shape.Length - 1), at = axis < 0 ? axis + shape.Length : axis;
                string x = one.Draw.Chance(0.3) ? one.Integers("x", shape, -9, 9) : one.X("x", shape);
                int[] index = op == "Gather" ? one.Shape(0, 2) : [.. shape];
                if (op != "Gather") index[at] = one.Draw.Int(1, 5);
                one.Node(op, [x, one.Integers("i", index, -shape[at], shape[at] - 1, one.Inputs.Count == 0 ? false
                    : null, one.Draw.Pick(6, 7))], one.Maybe(Int("axis", axis)) ?? (axis == 0 ? null : Int("axis",
                    axis)));
            };
        }

        all["Expand"] = one =>
        {
            one.Opset(8, 13);
            int[] shape = one.Shape(1, 4), from = one.Fitting(shape);
            long[] target = [.. shape.Select(size => one.Draw.Chance(0.1) ? 1L : size)];
            one.Node("Expand", [one.Draw.Chance(0.3) ? one.Integers("x", from, -9, 9, false) : one.X("x", from, false),
                one.Longs("t", target)]);
        };
        all["Tile"] = one =>
        {
            one.Opset(6, 13);
            int[] shape = one.Shape(1, 4);
            long[] repeats = Some(one, shape.Length, one.Draw.Chance(0.1) ? 0 : 1, 3);
            one.Node("Tile", [one.Draw.Chance(0.3) ? one.Integers("x", shape, -9, 9, false) : one.X("x", shape, false),
                one.Longs("t", repeats)]);
        };
        all["Range"] = one =>
        {
            one.Opset(11);
            if (one.Draw.Chance(0.5)) one.Node("Range", [one.Integers("a", [], -5, 5, false), one.Integers("b", [], -5,
                5), one.Integers("c", [], 1, 3)]);
            else one.Node("Range", [one.X("a", [], false), one.X("b", []), one.X("c", [], null, static v => v == 0 ? 1
                : v)]);
        };
        all["Pad"] = one =>
        {
            one.Opset(9, 11, 13, 18, 19);
            int[] shape = one.Shape(1, 4);
            string mode = one.Draw.Pick("constant", "constant", "reflect", "edge", one.Version >= 19 ? "wrap" : "edge");
            long[] pads = Some(one, 2 * shape.Length, mode == "constant" && one.Draw.Chance(0.3) ? -1 : 0,
                mode == "constant" ? 3 : 1);
            string x = one.X("x", shape, false);
            if (one.Version < 11) one.Node("Pad", [x], Ints("pads", pads), Text("mode", mode), one.Maybe(Float("value",
                0.5f)));
            else if (one.Version >= 18 && one.Draw.Chance(0.3)) one.Node("Pad", [x, one.Longs("p", pads[0], pads[1]),
                "", one.Longs("axes", one.Draw.Int(-shape.Length, shape.Length - 1))], Text("mode", mode));
            else one.Node("Pad", one.Draw.Chance(0.5) ? [x, one.Longs("p", pads)] : [x, one.Longs("p", pads),
                one.X("v", [])], Text("mode", mode));
        };
        foreach (string op in new[] { "DepthToSpace", "SpaceToDepth" })
        {
            all[op] = one =>
            {
                one.Opset(11, 13);
                int b = one.Draw.Int(1, 3), n = one.Draw.Int(1, 2), c = one.Draw.Int(1, 3), h = one.Draw.Int(1, 3),
                    w = one.Draw.Int(1, 3);
                if (op == "DepthToSpace") one.Node(op, [one.X("x", [n, c * b * b, h, w], false)], Int("blocksize", b),
                    one.Maybe(Text("mode", one.Draw.Pick("DCR", "CRD"))));
                else one.Node(op, [one.X("x", [n, c, h * b, w * b], false)], Int("blocksize", b));
            };
        }

        all["ConstantOfShape"] = one =>
        {
            one.Opset(9, 20);
            one.Node("ConstantOfShape", [one.Add("s", 7, Tensor.From([.. one.Shape(1, 4).Select(static v => (long)v)]),
                false)]);
        };
        all["Cast"] = one =>
        {
            one.Opset(9, 13);
            int to = one.Draw.Pick(1, 2, 3, 6, 7, 9, 11);
            string x = one.Draw.Pick(0, 1, 2) switch
            {
                0 => one.X("x", one.Shape(0, 3), false, to == 2 ? static v => Math.Abs(v) * 9 : static v => v * 9),
                1 => one.Integers("x", one.Shape(0, 3), to == 2 ? 0 : -99, 99, false),
                _ => one.Integers("x", one.Shape(0, 3), 0, 1, false, 9),
            };
            one.Node("Cast", [x], Int("to", to));
        };
        all["Dropout"] = one =>
        {
            one.Opset(7, 10, 13);
            string x = one.X("x", one.Shape(0, 3), false);
            one.Node("Dropout", [x], one.Version >= 12 && one.Draw.Chance(0.5) ? ["y", "ym"] : ["y"], one.Version < 12
                ? one.Maybe(Float("ratio", 0.3f)) : null);
        };
        all["Pattern norm"] = Norm;
        all["Pattern gate"] = Gate;
        return all;
    }

    /// <summary>A layer norm or RMS norm in pieces, whole or almost.</summary>
    private static void Norm(OnnxImportCase one)
    {
        one.Opset(13);
        one.Bound = 5e-4;
        Draw draw = one.Draw;
        int[] shape = [draw.Int(1, 3), draw.Int(1, 4), draw.Int(1, 5)];
        int n = draw.Int(1, 2);
        long[] axes = draw.Chance(0.1) ? [1] : n == 1 ? [-1] : draw.Pick<long[]>([-1, -2], [-2, -1]);
        string value = one.X("x", shape, false, static v => v % 3);
        bool centred = draw.Chance(0.6);
        AttributeProto reduced = Ints("axes", axes);
        if (centred)
        {
            one.Node("ReduceMean", [value], [draw.Chance(0.1) ? "ymean" : "mean"], reduced, one.Maybe(Int("keepdims",
                1)));
            one.Node("Sub", [value, one.Graph.Proto.Graph.Node[0].Output[0]], ["d"]);
            value = "d";
        }

        one.X("two", draw.Pick<int[]>([], [1]), true, static _ => 2);
        one.X("eps", draw.Pick<int[]>([], [], [1], [1, 1, 1, 1]), true, static _ => 1e-3);
        if (draw.Chance(0.5)) one.Node("Pow", [value, "two"], ["s"]);
        else one.Node("Mul", [value, value], ["s"]);
        one.Node("ReduceMean", ["s"], ["v"], draw.Chance(0.1) ? Ints("axes", 0) : reduced);
        one.Node("Add", draw.Chance(0.5) ? ["v", "eps"] : ["eps", "v"], ["w"]);
        one.Node("Sqrt", ["w"], [draw.Chance(0.1) ? "ystd" : "std"]);
        string std = one.Graph.Proto.Graph.Node[^1].Output[0];
        if (draw.Chance(0.5)) one.Node("Div", [value, std], ["n"]);
        else
        {
            one.Node("Reciprocal", [std], ["r"]);
            one.Node("Mul", draw.Chance(0.5) ? [value, "r"] : ["r", value], ["n"]);
        }

        int[] full = n == 1 ? [shape[2]] : [shape[1], shape[2]];
        one.X("g", draw.Pick<int[]>(full, full, [1], [shape[2]], [1, shape[2]]), true);
        one.X("b", draw.Pick<int[]>(full, full, [1], [shape[2]], shape), true);
        one.Node("Mul", draw.Chance(0.5) ? ["n", "g"] : ["g", "n"], ["m"]);
        one.Node("Add", draw.Chance(0.5) ? ["m", "b"] : ["b", "m"], ["y"]);
        if (draw.Chance(0.1)) one.Node("Neg", ["n"], ["yn"]);
    }

    /// <summary>Smooth activations in pieces, whole or almost.</summary>
    private static void Gate(OnnxImportCase one)
    {
        one.Opset(13);
        Draw draw = one.Draw;
        string x = one.X("x", one.Shape(0, 3), false);
        string Constant(string name, double value) =>
            one.X(name, draw.Chance(0.1) ? [1, 1, 1, 1] : [], true, _ => draw.Chance(0.1) ? value + 1 : value);
        string[] Order(string a, string b) => draw.Chance(0.5) ? [a, b] : [b, a];
        string other = draw.Chance(0.1) ? one.X("o", [], false) : x;
        switch (draw.Int(0, 4))
        {
            case 0:
                one.Node("Sigmoid", [x], ["s"]);
                one.Node("Mul", Order(other, "s"), ["y"]);
                break;
            case 1:
                one.Node("HardSigmoid", [x], ["s"], Float("alpha", draw.Pick(1 / 6f, 0.2f)), Float("beta", 0.5f));
                one.Node("Mul", Order(other, "s"), ["y"]);
                break;
            case 2:
                one.Node("Add", Order(x, Constant("three", 3)), ["a"]);
                one.Node("Clip", ["a", one.X("zero", [], true, static _ => 0), one.X("six", [], true, static _ => 6)],
                    ["c"]);
                if (draw.Chance(0.5))
                {
                    one.Node("Mul", Order(other, "c"), ["m"]);
                    one.Node("Div", ["m", Constant("sixth", 6)], ["y"]);
                }
                else
                {
                    one.Node("Div", ["c", Constant("sixth", 6)], ["m"]);
                    one.Node("Mul", Order(other, "m"), ["y"]);
                }

                break;
            default:
                one.Node("Div", [x, Constant("root", Math.Sqrt(2))], ["d"]);
                one.Node("Erf", ["d"], ["e"]);
                one.Node("Add", Order("e", Constant("one", 1)), [draw.Chance(0.1) ? "yp" : "p"]);
                string p = one.Graph.Proto.Graph.Node[^1].Output[0];
                if (draw.Chance(0.5))
                {
                    one.Node("Mul", Order(other, p), ["m"]);
                    one.Node("Mul", Order("m", Constant("half", 0.5)), ["y"]);
                }
                else
                {
                    one.Node("Mul", Order(other, Constant("half", 0.5)), ["m"]);
                    one.Node("Mul", Order("m", p), ["y"]);
                }

                break;
        }
    }

    private static long[] Some(OnnxImportCase one, int count, int low, int high) =>
        [.. Enumerable.Range(0, count).Select(_ => (long)one.Draw.Int(low, high))];
}

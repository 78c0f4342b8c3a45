using Evenkeel.Nn;

namespace Evenkeel.Onnx.Import.Operators;

/// <summary>Convolutions. With constant weights they are layers.</summary>
internal static class Convolutions
{
    public static void AddTo(Dictionary<string, Factory> all)
    {
        all["Conv"] = Conv;
        all["ConvTranspose"] = ConvTranspose;
    }

    private static Operation Conv(Node node)
    {
        var window = new Window(node);
        if (!IsLayer(node, out Value weight))
        {
            return (Kernel)(x =>
            {
                Tensor w = x.Float(1);
                Window own = window.Resolved(w.Shape);
                (Tensor padded, Padding padding) = own.Padded(x.Float(0), x.Pass);
                ConvolutionSettings settings = own.Settings(padding);
                Check(settings, padded.Shape, w.Shape, x.Pass);
                return [x[0].With(padded.Convolve(settings, w, x.OptionalFloat(2)))];
            });
        }

        window = window.Resolved(weight.Shape);
        int outChannels = weight.Shape[0], inChannels = weight.Shape[1] * window.Groups;
        int[] k = window.Kernel, s = window.Strides, d = window.Dilations;
        Padding fixedPadding = window.FixedPadding;
        bool bias = node.Has(2);
        NoStartValues none = NoStartValues.Stream;
        Module layer = k.Length switch
        {
            1 => new Conv1d(inChannels, outChannels, k[0], s[0], fixedPadding, d[0], window.Groups, bias, random: none),
            2 => new Conv2d(inChannels, outChannels, (k[0], k[1]), new Size2(s[0], s[1]), fixedPadding,
                new Size2(d[0], d[1]), window.Groups, bias, random: none),
            _ => new Conv3d(inChannels, outChannels, (k[0], k[1], k[2]), new Size3(s[0], s[1], s[2]), fixedPadding,
                new Size3(d[0], d[1], d[2]), window.Groups, bias, random: none),
        };
        int number = Add(node, layer, weight);
        Shape sizes = weight.Shape;
        ConvolutionSettings plain = window.Settings(fixedPadding);
        if (!window.DependsOnSize) return Operation.Of(number, (x, pass) => Check(plain, x, sizes, pass));
        return (Kernel)(x =>
        {
            (Tensor padded, _) = window.Padded(x.Float(0), x.Pass);
            Check(plain, padded.Shape, sizes, x.Pass);
            return [x[0].With(x.Pass.Layers[number].Forward(padded))];
        });
    }

    private static Operation ConvTranspose(Node node)
    {
        var window = new Window(node);
        int[] outputPadding = Window.Ints(node.Ints("output_padding"));
        int[]? outputShape = node.Ints("output_shape") is { } sizes ? Window.Ints(sizes) : null;
        bool isFixed = outputShape is null && !window.DependsOnSize;
        if (!isFixed || !IsLayer(node, out Value weight))
        {
            return (Kernel)(x =>
            {
                Tensor w = x.Float(1), value = x.Float(0);
                Window own = window.Resolved(w.Shape);
                (Padding padding, int[] added) = own.Transposed(value.Shape, outputPadding, outputShape);
                ConvolutionSettings settings = Transposed(own, padding, added);
                Check(settings, value.Shape, w.Shape, x.Pass);
                return [x[0].With(value.ConvolveTransposed(settings, w, x.OptionalFloat(2)))];
            });
        }

        window = window.Resolved(weight.Shape);
        int inChannels = weight.Shape[0], outChannels = weight.Shape[1] * window.Groups;
        int[] k = window.Kernel, s = window.Strides, d = window.Dilations;
        int[] o = outputPadding.Length == 0 ? new int[k.Length] : outputPadding;
        Padding pads = window.FixedPadding;
        bool bias = node.Has(2);
        NoStartValues none = NoStartValues.Stream;
        Module layer = k.Length switch
        {
            1 => new ConvTranspose1d(inChannels, outChannels, k[0], s[0], pads, o[0], window.Groups, bias, d[0], none),
            2 => new ConvTranspose2d(inChannels, outChannels, (k[0], k[1]), new Size2(s[0], s[1]), pads, (o[0], o[1]),
                window.Groups, bias, new Size2(d[0], d[1]), none),
            _ => new ConvTranspose3d(inChannels, outChannels, (k[0], k[1], k[2]), new Size3(s[0], s[1], s[2]), pads,
                (o[0], o[1], o[2]), window.Groups, bias, new Size3(d[0], d[1], d[2]), none),
        };
        Shape shape = weight.Shape;
        ConvolutionSettings plain = Transposed(window, pads, o);
        return Operation.Of(Add(node, layer, weight), (x, pass) => Check(plain, x, shape, pass));
    }

    /// <summary>Asks for the memory of an output.</summary>
    private static void Check(ConvolutionSettings settings, Shape x, Shape weight, Pass pass)
    {
        Shape output;
        if (settings.IsTransposed) settings.ConvolveTransposed(x, weight, bias: null, out output);
        else settings.Convolve(x, weight, bias: null, out output);
        pass.Fitting(output);
    }

    private static bool IsLayer(Node node, out Value weight)
    {
        Value? known = node.Constant(1);
        weight = known!;
        if (known is { Shape.Rank: < 3 or > 5 }) throw new Refusal($"its weight has the shape {known.Shape}");
        return node.Layers is not null && known is { IsFloat: true } && (!node.Has(2) || node.Constant(2) is not null);
    }

    /// <summary>Registers a layer with the weights of the file.</summary>
    private static int Add(Node node, Module layer, Value weight)
    {
        layer.To(weight.Type.Holder!.Value);
        weight.CopyTo(layer.OwnParameters["weight"].Value);
        node.Constant(2)?.CopyTo(layer.OwnParameters["bias"].Value);
        return node.Layers!.Add(LayerNames.PathOf(node, node.Inputs.Skip(1)), layer);
    }

    private static ConvolutionSettings Transposed(Window window, Padding padding, int[] added) =>
        (window.Plain(padding) with
        {
            IsTransposed = true,
            OutputPadding = added.Length switch
            {
                0 => default,
                1 => (0, 0, added[0]),
                2 => (0, added[0], added[1]),
                _ => (added[0], added[1], added[2]),
            },
        }).Checked();
}

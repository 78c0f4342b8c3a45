using Evenkeel.Serialization;

namespace Evenkeel.Examination;

/// <summary>Layers of a file that has tensors and no graph: recognized by names and shapes.</summary>
internal sealed class StateLayers
{
    private const double KerasEps = 1e-3, KerasMomentum = 0.01;

    private readonly TensorSource _source;
    private readonly List<ExaminedLayer> _layers = [];
    private bool _hasKerasNames, _hasTorchNames;

    private StateLayers(TensorSource source) => _source = source;

    /// <summary>The network of a file.</summary>
    /// <param name="source">Its tensors.</param>
    /// <param name="format">The format, for people.</param>
    /// <exception cref="InvalidDataException">The file was made to fill the memory.</exception>
    public static ExaminedNetwork Read(TensorSource source, string format)
    {
        var state = new StateLayers(source);
        foreach (LayerTensors layer in LayerTensors.Of(source.Names)) state.Add(layer);
        return new ExaminedNetwork(format, LikelyNeighbours.Of(state._layers))
        {
            Assumptions = [.. state.Assumptions()],
        };
    }

    private IEnumerable<string> Assumptions()
    {
        yield return "Layers are recognized by the names and shapes of their tensors; which layer follows which is "
            + "guessed from names and order.";
        if (_hasTorchNames)
            yield return "The file does not say eps and momentum: PyTorch's defaults, 1e-5 and 0.1, are assumed.";
        if (_hasKerasNames)
        {
            yield return "The file does not say eps and momentum: Keras' defaults, 1e-3 and 0.99, are assumed for "
                + "norms with its names.";
        }
    }

    private void Add(LayerTensors layer)
    {
        if (NormParts.Of(layer, VectorSizes) is { } norm)
        {
            Add(layer, norm);
            return;
        }

        string? weight =
            layer.Parts.FirstOrDefault(part => part is "weight" or "kernel" && IsWeight(layer.KeyOf(part)));
        string? bias = weight is null ? null
            : layer.Parts.FirstOrDefault(part => part == "bias" && VectorSizes(layer.KeyOf(part)) is { Count: 1 });
        if (weight is not null) _layers.Add(Linear(layer, weight, bias));
        foreach (string part in layer.Parts)
        {
            if (part != weight && part != bias) AddOther(layer.KeyOf(part));
        }
    }

    private void Add(LayerTensors layer, NormParts norm)
    {
        bool isTracked = norm.Variance is not null;
        _hasKerasNames |= isTracked && norm.HasKerasNames;
        _hasTorchNames |= !isTracked || !norm.HasKerasNames;
        var bad = new List<(string, long)>();
        _layers.Add(new ExaminedNorm(layer.Name, norm.Kind, norm.Family, norm.Channels)
        {
            Gamma = Vector(norm.Scale),
            Beta = Vector(norm.Shift),
            Mean = Vector(norm.Mean),
            Variance = Vector(norm.Variance),
            NotFinite = bad,
            Misfit = norm.Misfit,
            Batches = norm.Batches is null ? null : _source.Integer(norm.Batches),
            StartValuesLeft = NormStates.StartValuesLeft(_source.Texts, layer.Name),
            StoredType = _source.TypeOf((norm.Variance ?? norm.Scale)!),
            Eps = norm.HasKerasNames ? KerasEps : 1e-5,
            Momentum = norm.HasKerasNames ? KerasMomentum : 0.1,
        });

        double[]? Vector(string? name)
        {
            if (name is null) return null;
            double[] values = _source.Vector(name);
            if (NotFinite.Count(values) is > 0 and var count) bad.Add((LastPart(name), count));
            return values;
        }
    }

    private ExaminedLinear Linear(LayerTensors layer, string weight, string? bias)
    {
        string name = layer.KeyOf(weight);
        IReadOnlyList<long> sizes = _source.SizesOf(name);
        double[]? shift = bias is null ? null : _source.Vector(layer.KeyOf(bias));
        FilterLayout? layout = LayoutOf(sizes, isLast: weight == "kernel", shift?.Length);
        FilterLayout used = layout ?? FilterLayout.Along(sizes, 0);
        FilterScan scan = _source.Scan(name, used);
        var bad = new List<(string, long)>();
        if (scan.NotFinite > 0) bad.Add((weight, scan.NotFinite));
        if (NotFinite.Count(shift) is > 0 and var count) bad.Add(("bias", count));
        return new ExaminedLinear(layer.Name, sizes.Count == 2 ? "linear layer" : "convolution", sizes, used.Filters)
        {
            FilterNorms = scan.Norms,
            FilterHashes = scan.Hashes,
            FilterPeaks = scan.Peaks,
            Bias = shift,
            NotFinite = bad,
            Misfit = layout is not null ? null
                : $"expected a bias of one value per output, got {shift!.Length} values beside a weight of "
                    + $"[{string.Join(", ", sizes)}]",
        };
    }

    /// <summary>
    /// Where the filters of a weight are: the outputs are the first dimension, in Keras the last one. A bias may tell
    /// otherwise: GPT-2's layers and transposed convolutions have the inputs first.
    /// </summary>
    private static FilterLayout? LayoutOf(IReadOnlyList<long> sizes, bool isLast, int? bias)
    {
        int axis = isLast ? sizes.Count - 1 : 0;
        var usual = FilterLayout.Along(sizes, axis);
        if (isLast || bias is not { } outputs || outputs == sizes[0]) return usual;
        if (sizes.Count < 2 || outputs == 0 || outputs % sizes[1] != 0) return null;
        var transposed = FilterLayout.Along(sizes, 1);
        int groups = (int)(outputs / sizes[1]);
        return sizes[0] % groups == 0 ? transposed with { Groups = groups } : null;
    }

    /// <summary>A tensor that is no part of a layer: whether its values are numbers. A mask has infinite ones.
    /// </summary>
    private void AddOther(string name)
    {
        if (_source.FloatTypeOf(name) is null) return;
        long bad = _source.Scan(name, FilterLayout.Whole(_source.CountOf(name))).NaNs;
        _layers.Add(new ExaminedTensor(name, "tensor", _source.SizesOf(name))
        {
            NotFinite = bad == 0 ? [] : [(LastPart(name), bad)],
        });
    }

    private static string LastPart(string name) => name[(name.LastIndexOf('.') + 1)..];

    private IReadOnlyList<long>? VectorSizes(string name) =>
        _source.FloatTypeOf(name) is not null && _source.CountOf(name) is > 0 and <= TensorSource.MostChannels
            ? _source.SizesOf(name) : null;

    private bool IsWeight(string name)
    {
        IReadOnlyList<long> sizes = _source.SizesOf(name);
        return _source.FloatTypeOf(name) is not null && sizes.Count >= 2
            && sizes.All(static size => size is > 0 and <= int.MaxValue)
            && Math.Max(sizes[0], sizes[^1]) <= TensorSource.MostChannels;
    }
}

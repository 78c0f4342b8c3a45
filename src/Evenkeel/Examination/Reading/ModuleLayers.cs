using Evenkeel.Nn;
using Evenkeel.Serialization;

namespace Evenkeel.Examination;

/// <summary>Modules as the doctor sees them, without their neighbours.</summary>
internal static class ModuleLayers
{
    /// <summary>What a module is; null if it has no weights and no statistics of its own that are looked at.</summary>
    public static ExaminedLayer? Of(string name, Module module) => module switch
    {
        ITrackingNorm norm => Tracking(name, module, norm),
        GroupNorm norm =>
            Norm(name, module, NormFamily.Group, norm.NumChannels, norm.Weight, norm.Bias, norm.Eps, norm.NumGroups),
        LayerNorm norm =>
            Norm(name, module, NormFamily.Layer, norm.NormalizedShape.Count, norm.Weight, norm.Bias, norm.Eps),
        RMSNorm norm =>
            Norm(name, module, NormFamily.Rms, norm.NormalizedShape.Count, norm.Weight, null, norm.Eps ?? 0),
        FilterResponseNorm norm =>
            Norm(name, module, NormFamily.Other, norm.NumFeatures, norm.Weight, norm.Bias, norm.Eps),
        Linear linear => Linear(name, module, linear.Weight, linear.Bias, groups: 1),
        ConvNd convolution => Linear(name, module, convolution.Weight, convolution.Bias, groups: 1),
        ConvTransposeNd convolution =>
            Linear(name, module, convolution.Weight, convolution.Bias, convolution.Groups),
        _ => null,
    };

    /// <summary>The parameters of a module that is none of those above.</summary>
    public static IEnumerable<ExaminedTensor> Others(string name, Module module)
    {
        foreach ((string part, Parameter parameter) in module.OwnParameters)
        {
            long bad = Scan(parameter.Value, FilterLayout.Whole(parameter.Value.Count)).NaNs;
            yield return new ExaminedTensor(Module.Join(name, part), "parameter",
                [.. parameter.Value.Shape.Select(static size => (long)size)])
            {
                NotFinite = bad == 0 ? [] : [(part, bad)],
            };
        }
    }

    /// <summary>What an activation does to negative values; null for a module that is none.</summary>
    public static FollowingActivation? ActivationOf(Module module) =>
        module.GetType().Assembly == typeof(ReLU).Assembly ? KnownActivations.Of(module.TypeName) : null;

    private static ExaminedNorm Tracking(string name, Module module, ITrackingNorm norm)
    {
        var bad = new List<(string, long)>();
        RunningStatistics? running = norm.Running;
        ExaminedNorm plain = Norm(name, module, norm.IsPerSample ? NormFamily.Instance : NormFamily.Batch,
            norm.NumFeatures, norm.Weight, norm.Bias, norm.Eps);
        bad.AddRange(plain.NotFinite);
        return plain with
        {
            Mean = Vector(running?.Mean.Value, "running_mean", bad),
            Variance = Vector(running?.Variance.Value, "running_var", bad),
            Batches = running?.NumBatchesTracked.Value.AsSpan<long>()[0],
            StartValuesLeft = running?.StartValuesLeft is { } left && !double.IsNaN(left) ? left : null,
            Momentum = norm.Average.IsCumulative ? null : norm.Average.WeightOfNew,
            IsMomentumKnown = true,
            StoredType = ElementType.Of((running?.Variance.Value ?? norm.Weight?.Value)?.DType ?? DType.Float32).Name,
            NotFinite = bad,
        };
    }

    private static ExaminedNorm Norm(string name, Module module, NormFamily family, int channels, Parameter? gamma,
        Parameter? beta, double eps, int groups = 1)
    {
        var bad = new List<(string, long)>();
        return new ExaminedNorm(name, module.TypeName, family, channels)
        {
            Groups = groups,
            Gamma = Vector(gamma?.Value, "weight", bad),
            Beta = Vector(beta?.Value, "bias", bad),
            Eps = eps,
            IsEpsKnown = true,
            StoredType = ElementType.Of(gamma?.Value.DType ?? DType.Float32).Name,
            NotFinite = bad,
        };
    }

    private static ExaminedLinear Linear(string name, Module module, Parameter weight, Parameter? bias, int groups)
    {
        long[] sizes = [.. weight.Value.Shape.Select(static size => (long)size)];
        int axis = module is IOutputsInDimension1 ? 1 : 0;
        FilterLayout layout = FilterLayout.Along(sizes, axis) with { Groups = groups };
        FilterScan scan = Scan(weight.Value, layout);
        var bad = new List<(string, long)>();
        if (scan.NotFinite > 0) bad.Add(("weight", scan.NotFinite));
        return new ExaminedLinear(name, module.TypeName, sizes, layout.Filters)
        {
            FilterNorms = scan.Norms,
            FilterHashes = scan.Hashes,
            FilterPeaks = scan.Peaks,
            Bias = Vector(bias?.Value, "bias", bad),
            NotFinite = bad,
        };
    }

    private static double[]? Vector(Tensor? values, string part, List<(string, long)> bad)
    {
        if (values is null) return null;
        double[] wide = WideVector.Of(values);
        if (NotFinite.Count(wide) is > 0 and var count) bad.Add((part, count));
        return wide;
    }

    private static FilterScan Scan(Tensor weight, FilterLayout layout) =>
        FilterScan.Of(ElementType.Of(weight.DType), layout,
            (offset, to) => weight.Bytes().Slice((int)offset, to.Length).CopyTo(to));
}

using Evenkeel.Nn;

namespace Evenkeel.Serialization;

/// <summary>
/// The batch norms of a description. A plain one has eps, momentum and affine; one of another running average has its
/// average, and one of another library its convention.
/// </summary>
internal static class BatchNormTable
{
    private const string Convention = "convention", Average = "average", ConvertedFrom = "convertedFrom";

    public static IReadOnlyList<LayerEntry> Entries { get; } =
    [
        LayerTable.Of<BatchNorm1d>(static (norm, to) => Write(norm, to), static from => Make(from,
            static (n, eps, momentum, affine, track) => new BatchNorm1d(n, eps, momentum, affine, track),
            static (n, average, eps, affine) => new BatchNorm1d(n, average, eps, affine),
            static (n, convention, scale, bias, track) => new BatchNorm1d(n, convention, scale, bias, track))),
        LayerTable.Of<BatchNorm2d>(static (norm, to) => Write(norm, to), static from => Make(from,
            static (n, eps, momentum, affine, track) => new BatchNorm2d(n, eps, momentum, affine, track),
            static (n, average, eps, affine) => new BatchNorm2d(n, average, eps, affine),
            static (n, convention, scale, bias, track) => new BatchNorm2d(n, convention, scale, bias, track))),
        LayerTable.Of<BatchNorm3d>(static (norm, to) => Write(norm, to), static from => Make(from,
            static (n, eps, momentum, affine, track) => new BatchNorm3d(n, eps, momentum, affine, track),
            static (n, average, eps, affine) => new BatchNorm3d(n, average, eps, affine),
            static (n, convention, scale, bias, track) => new BatchNorm3d(n, convention, scale, bias, track))),
        LayerTable.Of<BatchNormalization>(WriteWithConvention, static from => new BatchNormalization(
            from.Integer("numFeatures"), ReadConvention(from), from.Flag("useScale", true), from.Flag("useBias", true),
            from.Flag("trackRunningStats", true))),
        LayerTable.Of<GhostBatchNorm1d>(static (norm, to) => Write(norm, to), static from => Make(from,
            (n, eps, momentum, affine, track) =>
                new GhostBatchNorm1d(n, from.Integer("virtualBatchSize"), eps, momentum, affine, track),
            (n, average, eps, affine) =>
                new GhostBatchNorm1d(n, from.Integer("virtualBatchSize"), average, eps, affine))),
        LayerTable.Of<GhostBatchNorm2d>(static (norm, to) => Write(norm, to), static from => Make(from,
            (n, eps, momentum, affine, track) =>
                new GhostBatchNorm2d(n, from.Integer("virtualBatchSize"), eps, momentum, affine, track),
            (n, average, eps, affine) =>
                new GhostBatchNorm2d(n, from.Integer("virtualBatchSize"), average, eps, affine))),
        LayerTable.Of<GhostBatchNorm3d>(static (norm, to) => Write(norm, to), static from => Make(from,
            (n, eps, momentum, affine, track) =>
                new GhostBatchNorm3d(n, from.Integer("virtualBatchSize"), eps, momentum, affine, track),
            (n, average, eps, affine) =>
                new GhostBatchNorm3d(n, from.Integer("virtualBatchSize"), average, eps, affine))),
        LayerTable.Of<BatchRenorm1d>(static (norm, to) => Write(norm, to, 0.01), static from => MakeRenorm(from,
            (n, eps, momentum, affine, limits) => new BatchRenorm1d(n, eps, momentum, affine, limits),
            (n, average, eps, affine, limits) => new BatchRenorm1d(n, average, eps, affine, limits))),
        LayerTable.Of<BatchRenorm2d>(static (norm, to) => Write(norm, to, 0.01), static from => MakeRenorm(from,
            (n, eps, momentum, affine, limits) => new BatchRenorm2d(n, eps, momentum, affine, limits),
            (n, average, eps, affine, limits) => new BatchRenorm2d(n, average, eps, affine, limits))),
        LayerTable.Of<BatchRenorm3d>(static (norm, to) => Write(norm, to, 0.01), static from => MakeRenorm(from,
            (n, eps, momentum, affine, limits) => new BatchRenorm3d(n, eps, momentum, affine, limits),
            (n, average, eps, affine, limits) => new BatchRenorm3d(n, average, eps, affine, limits))),
        LayerTable.Of<SyncBatchNorm>(WriteSync, ReadSync),
    ];

    private delegate T FromMomentum<T>(int numFeatures, double eps, double? momentum, bool affine, bool track);

    private delegate T FromAverage<T>(int numFeatures, RunningAverage average, double eps, bool affine);

    private delegate T FromConvention<T>(
        int numFeatures, NormConvention convention, bool useScale, bool useBias, bool track);

    private delegate T RenormFromMomentum<T>(
        int numFeatures, double eps, double? momentum, bool affine, RenormLimits? limits);

    private delegate T RenormFromAverage<T>(
        int numFeatures, RunningAverage average, double eps, bool affine, RenormLimits? limits);

    private static T Make<T>(LayerReader from, FromMomentum<T> fromMomentum, FromAverage<T> fromAverage,
        FromConvention<T>? fromConvention = null)
    {
        int features = from.Integer("numFeatures");
        if (fromConvention is not null && from.Has(Convention))
        {
            return fromConvention(features, ReadConvention(from), from.Flag("useScale", true),
                from.Flag("useBias", true), from.Flag("trackRunningStats", true));
        }

        double eps = from.Number("eps", 1e-5);
        bool affine = from.Flag("affine", true);
        return from.Has(Average)
            ? fromAverage(features, ReadAverage(from), eps, affine)
            : fromMomentum(features, eps, from.NumberOrNull("momentum", 0.1), affine,
                from.Flag("trackRunningStats", true));
    }

    private static T MakeRenorm<T>(
        LayerReader from, RenormFromMomentum<T> fromMomentum, RenormFromAverage<T> fromAverage)
    {
        int features = from.Integer("numFeatures");
        double eps = from.Number("eps", 1e-5);
        bool affine = from.Flag("affine", true);
        RenormLimits? limits = from.Has("limits") ? from.Object("limits", ReadLimits) : null;
        return from.Has(Average)
            ? fromAverage(features, ReadAverage(from), eps, affine, limits)
            : fromMomentum(features, eps, from.NumberOrNull("momentum", 0.01), affine, limits);
    }

    private static void Write(BatchNorm norm, LayerArguments to, double momentum = 0.1)
    {
        NormConvention plain = NormConvention.Torch with { Eps = norm.Eps, Average = norm.Average };
        bool hasPlainAverage = IsPlain(norm.Average);
        if (norm.Convention != plain || norm.Weight is null != norm.Bias is null
            || (!hasPlainAverage && !norm.TrackRunningStats))
        {
            WriteWithConvention(norm, to);
            return;
        }

        to.Integer("numFeatures", norm.NumFeatures).Integer("virtualBatchSize", norm.VirtualBatchSize, 0)
            .Number("eps", norm.Eps, 1e-5);
        if (hasPlainAverage)
            to.Number("momentum", norm.Average.IsCumulative ? null : norm.Average.WeightOfNew, momentum);
        else WriteAverage(norm.Average, to);
        to.Flag("affine", norm.Weight is not null, true).Flag("trackRunningStats", norm.TrackRunningStats, true);
        if (norm.Limits is { } limits && limits != RenormLimits.Paper)
            to.Object("limits", inner => WriteLimits(limits, inner));
    }

    private static void WriteWithConvention(BatchNorm norm, LayerArguments to)
    {
        to.Integer("numFeatures", norm.NumFeatures);
        WriteConvention(norm.Convention, to);
        to.Flag("useScale", norm.Weight is not null, true).Flag("useBias", norm.Bias is not null, true)
            .Flag("trackRunningStats", norm.TrackRunningStats, true);
    }

    private static void WriteSync(SyncBatchNorm norm, LayerArguments to)
    {
        NormConvention plain = NormConvention.Torch with
        {
            Eps = norm.Eps,
            Average = norm.Average,
            Ranks = RankRule.From(2),
        };
        if (norm is { Dimensions: null, Limits: null } && norm.Convention == plain
            && norm.Weight is null == norm.Bias is null && (IsPlain(norm.Average) || norm.TrackRunningStats))
        {
            to.Integer("numFeatures", norm.NumFeatures).Number("eps", norm.Eps, 1e-5);
            if (IsPlain(norm.Average))
                to.Number("momentum", norm.Average.IsCumulative ? null : norm.Average.WeightOfNew, 0.1);
            else WriteAverage(norm.Average, to);
            to.Flag("affine", norm.Weight is not null, true).Flag("trackRunningStats", norm.TrackRunningStats, true);
            return;
        }

        // A layer that was synchronized: its description is that of the layer it was.
        to.Object(ConvertedFrom, inner =>
        {
            string type = (norm.Dimensions, norm.Limits) switch
            {
                (1, null) => nameof(BatchNorm1d),
                (2, null) => nameof(BatchNorm2d),
                (3, null) => nameof(BatchNorm3d),
                (1, _) => nameof(BatchRenorm1d),
                (2, _) => nameof(BatchRenorm2d),
                (3, _) => nameof(BatchRenorm3d),
                _ => nameof(BatchNormalization),
            };
            inner.Text(LayerReader.TypeKey, type);
            if (norm.Dimensions is null) WriteWithConvention(norm, inner);
            else Write(norm, inner, norm.Limits is null ? 0.1 : 0.01);
        });
    }

    private static SyncBatchNorm ReadSync(LayerReader from)
    {
        if (!from.Has(ConvertedFrom))
        {
            return Make(from,
                static (n, eps, momentum, affine, track) => new SyncBatchNorm(n, eps, momentum, affine, track),
                static (n, average, eps, affine) => new SyncBatchNorm(n, average, eps, affine));
        }

        return from.Layer(ConvertedFrom) is BatchNorm { VirtualBatchSize: 0 } norm
            ? new SyncBatchNorm(norm, new ModuleCopier(substitute: null, sharesWeights: false))
            : throw from.Fails(ConvertedFrom, "expected a batch norm or a batch renormalization, got another layer.");
    }

    /// <summary>Whether PyTorch's momentum says all about an average.</summary>
    private static bool IsPlain(RunningAverage average) =>
        average == (average.IsCumulative ? RunningAverage.Cumulative : RunningAverage.Torch(average.WeightOfNew));

    private static void WriteAverage(RunningAverage average, LayerArguments to) => to.Object(Average, inner => inner
        .Number("momentum", average.IsCumulative ? null : average.WeightOfNew, 0.1)
        .Choice("estimator", average.Estimator, VarianceEstimator.Unbiased)
        .Number("initialMean", average.InitialMean, 0).Number("initialVariance", average.InitialVariance, 1));

    private static RunningAverage ReadAverage(LayerReader from) => from.Object(Average, static inner =>
        (inner.NumberOrNull("momentum", 0.1) is { } weight
            ? RunningAverage.Torch(weight)
            : RunningAverage.Cumulative) with
        {
            Estimator = inner.Choice("estimator", VarianceEstimator.Unbiased),
            InitialMean = inner.Number("initialMean", 0),
            InitialVariance = inner.Number("initialVariance", 1),
        });

    private static void WriteLimits(RenormLimits limits, LayerArguments to) => to
        .Number("plainBatches", limits.PlainBatches, 0).Number("r", limits.R, 1)
        .Number("rReachedAt", limits.RReachedAt, 0).Number("d", limits.D, 0)
        .Number("dReachedAt", limits.DReachedAt, 0);

    private static RenormLimits ReadLimits(LayerReader from) => new()
    {
        PlainBatches = (long)from.Number("plainBatches", 0),
        R = from.Number("r", 1),
        RReachedAt = (long)from.Number("rReachedAt", 0),
        D = from.Number("d", 0),
        DReachedAt = (long)from.Number("dReachedAt", 0),
    };

    /// <summary>The name of a preset, or an object with the nearest preset and what differs.</summary>
    private static void WriteConvention(NormConvention convention, LayerArguments to)
    {
        NormConvention near = NormConvention.All.FirstOrDefault(preset => preset.Name == convention.Name)
            ?? NormConvention.Torch;
        if (convention == near)
        {
            to.Text(Convention, near.Name);
            return;
        }

        to.Object(Convention, inner =>
        {
            inner.Text("base", near.Name);
            if (convention.Name != near.Name) inner.Text("name", convention.Name);
            if (convention.Average != near.Average) WriteAverage(convention.Average, inner);
            inner.Number("eps", convention.Eps, near.Eps)
                .Integer("channelAxis", convention.ChannelAxis, near.ChannelAxis);
            if (convention.Ranks != near.Ranks)
                inner.Integers("ranks", Enumerable.Range(0, Shape.MaxRank + 1).Where(convention.Ranks.Takes));
            inner.Choice("singleValue", convention.SingleValue, near.SingleValue)
                .Number("layerNormEps", convention.LayerNormEps, near.LayerNormEps)
                .Number("groupNormEps", convention.GroupNormEps, near.GroupNormEps)
                .Number("groupNormGroups", convention.GroupNormGroups, near.GroupNormGroups)
                .Number("rmsNormEps", convention.RMSNormEps, near.RMSNormEps);
        });
    }

    private static NormConvention ReadConvention(LayerReader from)
    {
        if (from.HasText(Convention)) return Preset(from, Convention, from.TextOrNull(Convention));
        return from.Object(Convention, static inner =>
        {
            NormConvention near = Preset(inner, "base", inner.TextOrNull("base"));
            return near with
            {
                Name = inner.TextOrNull("name") ?? near.Name,
                Average = inner.Has(Average) ? ReadAverage(inner) : near.Average,
                Eps = inner.Number("eps", near.Eps),
                ChannelAxis = inner.Integer("channelAxis", near.ChannelAxis),
                Ranks = inner.Has("ranks") ? RankRule.Of(inner.Integers("ranks")) : near.Ranks,
                SingleValue = inner.Choice("singleValue", near.SingleValue),
                LayerNormEps = inner.Number("layerNormEps", near.LayerNormEps),
                GroupNormEps = inner.Number("groupNormEps", near.GroupNormEps),
                GroupNormGroups = (int?)inner.NumberOrNull("groupNormGroups", near.GroupNormGroups),
                RMSNormEps = inner.NumberOrNull("rmsNormEps", near.RMSNormEps),
            };
        });
    }

    private static NormConvention Preset(LayerReader from, string argument, string? name)
    {
        string[] names = [.. NormConvention.All.Select(static preset => preset.Name)];
        int index = Array.IndexOf(names, name);
        return index >= 0
            ? NormConvention.All[index]
            : throw from.Fails(argument, $"expected {string.Join(" or ", names)}, got {name ?? "none"}."
                + NearestName.Hint(name ?? "", names));
    }
}

using Evenkeel.Nn;

namespace Evenkeel.Serialization;

/// <summary>A type of layer: its name, its arguments, its construction.</summary>
internal sealed record LayerEntry(
    Type Type, Action<Module, LayerArguments> Write, Func<LayerReader, Module> Read)
{
    /// <summary>The type's name, which a description has.</summary>
    public string Name => Type.Name;
}

/// <summary>All types of layers, except <see cref="Sequential"/>, which is written and read by itself.</summary>
internal static class LayerTable
{
    private static readonly LayerEntry[] s_entries =
    [
        Of<Linear>(
            static (layer, to) => to.Integer("inFeatures", layer.InFeatures).Integer("outFeatures", layer.OutFeatures)
                .Flag("bias", layer.Bias is not null, true).Standardization(layer.WeightStandardization),
            static from => new Linear(
                from.Integer("inFeatures"), from.Integer("outFeatures"), from.Flag("bias", true), from.Random)
            {
                WeightStandardization = from.Standardization(),
            }),
        .. ConvolutionTable.Entries,
        .. BatchNormTable.Entries,
        Of<InstanceNorm1d>(WriteInstanceNorm, static from => new InstanceNorm1d(
            from.Integer("numFeatures"), from.Number("eps", 1e-5), from.NumberOrNull("momentum", 0.1),
            from.Flag("affine", false), from.Flag("trackRunningStats", false))),
        Of<InstanceNorm2d>(WriteInstanceNorm, static from => new InstanceNorm2d(
            from.Integer("numFeatures"), from.Number("eps", 1e-5), from.NumberOrNull("momentum", 0.1),
            from.Flag("affine", false), from.Flag("trackRunningStats", false))),
        Of<InstanceNorm3d>(WriteInstanceNorm, static from => new InstanceNorm3d(
            from.Integer("numFeatures"), from.Number("eps", 1e-5), from.NumberOrNull("momentum", 0.1),
            from.Flag("affine", false), from.Flag("trackRunningStats", false))),
        Of<LayerNorm>(
            static (layer, to) => to.Shape("normalizedShape", layer.NormalizedShape).Number("eps", layer.Eps, 1e-5)
                .Flag("elementwiseAffine", layer.Weight is not null, true)
                .Flag("bias", layer.Bias is not null, layer.Weight is not null),
            static from => new LayerNorm(
                from.Shape("normalizedShape"), from.Number("eps", 1e-5), from.Flag("elementwiseAffine", true),
                from.Flag("bias", true))),
        Of<RMSNorm>(
            static (layer, to) => to.Shape("normalizedShape", layer.NormalizedShape).Number("eps", layer.Eps, null)
                .Flag("elementwiseAffine", layer.Weight is not null, true),
            static from => new RMSNorm(from.Shape("normalizedShape"), from.NumberOrNull("eps", null),
                from.Flag("elementwiseAffine", true))),
        Of<GroupNorm>(
            static (layer, to) => to.Integer("numGroups", layer.NumGroups).Integer("numChannels", layer.NumChannels)
                .Number("eps", layer.Eps, 1e-5).Flag("affine", layer.Weight is not null, true)
                .Integer("channelAxis", layer.ChannelAxis, 1),
            static from => new GroupNorm(from.Integer("numGroups"), from.Integer("numChannels"),
                from.Number("eps", 1e-5), from.Flag("affine", true), from.Integer("channelAxis", 1))),
        Of<LocalResponseNorm>(
            static (layer, to) => to.Integer("size", layer.Size).Number("alpha", layer.Alpha, 1e-4)
                .Number("beta", layer.Beta, 0.75).Number("k", layer.K, 1),
            static from => new LocalResponseNorm(from.Integer("size"), from.Number("alpha", 1e-4),
                from.Number("beta", 0.75), from.Number("k", 1))),
        Of<LpNormalization>(
            // Null is infinity, which JSON does not have.
            static (layer, to) => to.Number("p", double.IsInfinity(layer.P) ? null : layer.P, 2)
                .Integer("dim", layer.Dim, 1).Number("eps", layer.Eps, 1e-12),
            static from => new LpNormalization(from.NumberOrNull("p", 2) ?? double.PositiveInfinity,
                from.Integer("dim", 1), from.Number("eps", 1e-12))),
        Of<UnitNormalization>(
            static (layer, to) => to.Integers("axis", layer.Axis),
            static from => new UnitNormalization(from.Integers("axis"))),
        Of<FilterResponseNorm>(
            static (layer, to) => to.Integer("numFeatures", layer.NumFeatures).Number("eps", layer.Eps, 1e-6)
                .Flag("applyAct", layer.Tau is not null, true),
            static from => new FilterResponseNorm(
                from.Integer("numFeatures"), from.Number("eps", 1e-6), from.Flag("applyAct", true))),
        Of<DynamicTanh>(
            static (layer, to) => to.Shape("normalizedShape", layer.NormalizedShape)
                .Flag("channelsLast", layer.ChannelsLast, true).Number("alphaInitValue", layer.AlphaInitValue, 0.5),
            static from => new DynamicTanh(from.Shape("normalizedShape"), from.Flag("channelsLast", true),
                from.Number("alphaInitValue", 0.5))),
        Of<DynamicErf>(
            static (layer, to) => to.Shape("normalizedShape", layer.NormalizedShape)
                .Flag("channelsLast", layer.ChannelsLast, true).Number("alphaInitValue", layer.AlphaInitValue, 0.5)
                .Number("shiftInitValue", layer.ShiftInitValue, 0),
            static from => new DynamicErf(from.Shape("normalizedShape"), from.Flag("channelsLast", true),
                from.Number("alphaInitValue", 0.5), from.Number("shiftInitValue", 0))),
        Of<ConditionalBatchNorm>(
            static (layer, to) => to.Integer("numFeatures", layer.NumFeatures)
                .Integer("numConditions", layer.NumConditions).Number("eps", layer.Norm.Eps, 1e-5)
                .Number("momentum", layer.Momentum, 0.1)
                .Flag("trackRunningStats", layer.Norm.TrackRunningStats, true),
            static from => new ConditionalBatchNorm(from.Integer("numFeatures"), from.Integer("numConditions"),
                from.Number("eps", 1e-5), from.NumberOrNull("momentum", 0.1), from.Flag("trackRunningStats", true))),
        Of<ReLU>(None, static _ => new ReLU()),
        Of<LeakyReLU>(
            static (layer, to) => to.Number("negativeSlope", layer.NegativeSlope, 0.01),
            static from => new LeakyReLU(from.Number("negativeSlope", 0.01))),
        .. ActivationTable.Entries,
        Of<Sigmoid>(None, static _ => new Sigmoid()),
        Of<Tanh>(None, static _ => new Tanh()),
        Of<Softmax>(
            static (layer, to) => to.Integer("dim", layer.Dim, -1),
            static from => new Softmax(from.Integer("dim", -1))),
        Of<LogSoftmax>(
            static (layer, to) => to.Integer("dim", layer.Dim, -1),
            static from => new LogSoftmax(from.Integer("dim", -1))),
        .. PoolTable.Entries,
        Of<Dropout>(
            static (layer, to) => to.Number("p", layer.P, 0.5),
            static from => new Dropout(from.Number("p", 0.5))),
        Of<Dropout2d>(
            static (layer, to) => to.Number("p", layer.P, 0.5),
            static from => new Dropout2d(from.Number("p", 0.5))),
        Of<Flatten>(
            static (layer, to) => to.Integer("startDim", layer.StartDim, 1).Integer("endDim", layer.EndDim, -1),
            static from => new Flatten(from.Integer("startDim", 1), from.Integer("endDim", -1))),
        Of<Unflatten>(
            static (layer, to) => to.Integer("dim", layer.Dim).Integers("unflattenedSize", layer.UnflattenedSize),
            static from => new Unflatten(from.Integer("dim"), from.Integers("unflattenedSize"))),
        .. ShapeLayerTable.Entries,
        Of<Identity>(None, static _ => new Identity()),
        Of<FullyConnected>(
            static (model, to) => to.Integer("inputDim", model.InputDim).Integers("hiddenDims", model.HiddenDims)
                .Integer("classes", model.Classes).Norm(model.Norm).Number("dropout", model.Dropout, 0),
            ReadFullyConnected),
        Of<DeepMLP>(
            static (model, to) =>
                to.Integer("width", model.Width, 256).Integer("depth", model.Depth, 100).Norm(model.Norm),
            static from =>
                new DeepMLP(from.Integer("width", 256), from.Integer("depth", 100), from.Norm(), from.Random)),
        Of<LeNet>(
            static (model, to) => to.Integer("channels", model.Options.Channels, 3)
                .Integer("classes", model.Options.Classes, 2).Integer("padding", model.Options.Padding, 0)
                .Size("size", model.Options.Size, null)
                .Choice("activation", model.Options.Activation, Nonlinearity.ReLU)
                .Choice("pooling", model.Options.Pooling, LeNetPooling.Max).Norm(model.Options.Norm)
                .Flag("normAfterSecondLinear", model.Options.NormAfterSecondLinear, false),
            static from => new LeNet(
                new LeNetOptions
                {
                    Channels = from.Integer("channels", 3),
                    Classes = from.Integer("classes", 2),
                    Padding = from.Integer("padding", 0),
                    Size = from.SizeOrNull("size"),
                    Activation = from.Choice("activation", Nonlinearity.ReLU),
                    Pooling = from.Choice("pooling", LeNetPooling.Max),
                    Norm = from.Norm(),
                    NormAfterSecondLinear = from.Flag("normAfterSecondLinear", false),
                },
                from.Random)),
        Of<ResNet>(
            static (model, to) => to.Integer("channels", model.Options.Channels, 3)
                .Integer("classes", model.Options.Classes, 10).Integer("side", model.Options.Side, 32)
                .Integer("blocks", model.Options.Blocks, 3).Integer("width", model.Options.Width, 16)
                .Norm(model.Options.Norm, NormKind.BatchNorm),
            static from => new ResNet(
                new ResNetOptions
                {
                    Channels = from.Integer("channels", 3),
                    Classes = from.Integer("classes", 10),
                    Side = from.Integer("side", 32),
                    Blocks = from.Integer("blocks", 3),
                    Width = from.Integer("width", 16),
                    Norm = from.Norm() ?? NormKind.BatchNorm,
                },
                from.Random)),
        Of<BasicBlock>(
            static (block, to) => to.Integer("inChannels", block.InChannels).Integer("outChannels", block.OutChannels)
                .Integer("side", block.Side).Integer("stride", block.Stride, 1).Norm(block.NormKind),
            static from => new BasicBlock(from.Integer("inChannels"), from.Integer("outChannels"),
                from.Integer("side"), from.Integer("stride", 1), from.Norm(), from.Random)),
        Of<ImageNetResNet>(
            static (model, to) => to.Integer("channels", model.Options.Channels, 3)
                .Integer("classes", model.Options.Classes, 1000).Integer("side", model.Options.Side, 224)
                .Integer("depth", model.Options.Depth, 18).Norm(model.Options.Norm, NormKind.BatchNorm),
            static from => new ImageNetResNet(
                new ImageNetResNetOptions
                {
                    Channels = from.Integer("channels", 3),
                    Classes = from.Integer("classes", 1000),
                    Side = from.Integer("side", 224),
                    Depth = from.Integer("depth", 18),
                    Norm = from.Norm() ?? NormKind.BatchNorm,
                },
                from.Random)),
    ];

    private static readonly Dictionary<Type, LayerEntry> s_byType = s_entries.ToDictionary(static entry => entry.Type);

    private static readonly Dictionary<string, LayerEntry> s_byName =
        s_entries.ToDictionary(static entry => entry.Name, StringComparer.Ordinal);

    /// <summary>The names of all types, in alphabetical order.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. s_byName.Keys.Append(nameof(Sequential)).Order(StringComparer.Ordinal)];

    /// <summary>The entry of a module's type; null for a type of a program's own.</summary>
    public static LayerEntry? EntryOf(Module module) => s_byType.GetValueOrDefault(module.GetType());

    /// <summary>The entry of a name; null if there is none.</summary>
    public static LayerEntry? Find(string name) => s_byName.GetValueOrDefault(name);

    /// <summary>One entry.</summary>
    /// <param name="write">Writes the arguments of a layer.</param>
    /// <param name="read">Makes a layer of the arguments.</param>
    public static LayerEntry Of<T>(Action<T, LayerArguments> write, Func<LayerReader, T> read) where T : Module =>
        new(typeof(T), (module, to) => write((T)module, to), read);

    private static void None<T>(T layer, LayerArguments to)
    {
    }

    private static void WriteInstanceNorm(InstanceNorm layer, LayerArguments to) =>
        to.Integer("numFeatures", layer.NumFeatures).Number("eps", layer.Eps, 1e-5)
            .Number("momentum", layer.Average.IsCumulative ? null : layer.Average.WeightOfNew, 0.1)
            .Flag("affine", layer.Weight is not null, false)
            .Flag("trackRunningStats", layer.TrackRunningStats, false);

    /// <summary>The constructor takes no stream; the same start values are drawn from one afterwards.</summary>
    private static FullyConnected ReadFullyConnected(LayerReader from)
    {
        var model = new FullyConnected(from.Integer("inputDim"), from.Integers("hiddenDims"), from.Integer("classes"),
            from.Norm(), from.Number("dropout", 0));
        if (from.Random is { } random) model.Initialize(Init.Default, random);
        return model;
    }
}

namespace Evenkeel.Examination;

/// <summary>The rules that look at weights and statistics alone, by id.</summary>
internal static class FileRules
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<FileRule> All { get; } =
    [
        new NotFiniteValues(), new NegativeVariance(), new NeverUpdated(), new RemainingStartValues(),
        new LayersDisagree(), new EpsDecides(), new CollapsedFilter(), new DeadChannels(), new LinearReLU(),
        new GammaNearZero(), new ClosedResidual(), new AffineNeverTrained(), new OneGamma(), new RedundantBias(),
        new LargeOffset(), new HalfPrecisionRange(), new FoldSpread(), new Twins(), new TrainingMode(),
        new OtherConvention(), new Misfits(), new OneValue(), new GammaDecayed(), new Foldable(), new DecomposedNorm(),
        new ConstantBesideNorm(),
    ];
}

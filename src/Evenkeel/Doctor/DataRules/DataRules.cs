namespace Evenkeel.Examination;

/// <summary>The built-in rules that need data, by id.</summary>
internal static class DataRules
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<DataRule> All { get; } =
    [
        new StatisticsDrift(), new TrainEvalGap(), new WrongPreprocessing(), new SilentChannels(),
        new SaturatedActivation(), new BatchMates(), new FewValuesPerChannel(), new SingleLastBatch(),
        new DropoutBeforeNorm(), new OtherDomain(), new ConstantChannels(), new FoldedOutputs(), new OtherEps(),
        new BatchSizeAdvice(),
    ];
}

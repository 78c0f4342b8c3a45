using System.Globalization;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;
using Xunit;

namespace Evenkeel.Tests.Lab.Claims;

/// <summary>
/// The notebook's questions: made-up figures get the answer they deserve, and every figure that is read is there.
/// </summary>
public sealed class QuestionTests
{
    /// <summary>Number, figures, and the verdict of each point.</summary>
    public static TheoryData<int, string, string> Answers => new()
    {
        { 1,
            "none.bestScaleAccuracy=0.6;none.worstScaleAccuracy=0.1;batchnorm.bestScaleAccuracy=0.6;"
            + "batchnorm.worstScaleAccuracy=0.3;batchnorm.worstScaleLoss=2",
            "Holds Holds Holds Holds" },
        { 1,
            "none.bestScaleAccuracy=0.6;none.worstScaleAccuracy=0.5;batchnorm.bestScaleAccuracy=0.60;"
            + "batchnorm.worstScaleAccuracy=0.58;batchnorm.worstScaleLoss=Infinity",
            "Holds Fails Fails Fails" },
        { 2,
            "batchnorm-5.finalTrainAccuracy=0.4;batchnorm-10.finalTrainAccuracy=0.6;"
            + "batchnorm-50.finalTrainAccuracy=0.8;none-5.finalTrainAccuracy=0.6",
            "Holds Holds Holds" },
        { 2,
            "batchnorm-5.finalTrainAccuracy=0.8;batchnorm-10.finalTrainAccuracy=0.6;"
            + "batchnorm-50.finalTrainAccuracy=0.4;none-5.finalTrainAccuracy=0.6",
            "Fails Fails Fails" },
        { 3, $"{Usual};image.changesWithSampleScale=1e-16;mean-image.changesWithFeatureShift=1e-16",
            "Holds Holds Holds Holds" },
        { 3, $"{Usual};image.changesWithSampleScale=0.5;mean-image.changesWithFeatureShift=0.5",
            "Holds Fails Fails Holds" },
        { 4, Gains(deep: 0.2, narrow: -0.2, penalized: -0.1), "Holds Holds Holds Holds" },
        { 4, Gains(deep: -0.2, narrow: 0.2, penalized: 0.1), "Fails Fails Fails Fails" },
    };

    private static string Usual =>
        "rgb-row.dependsOnOthers=0;rgb-row.dependsOnOtherRows=0;image.isLayerLike=1;mean-image.isBatchLike=1;"
        + "threshold.dependsOnOthers=0;threshold.dependsOnOtherRows=0;threshold.dependsOnOwnRow=0";

    public static TheoryData<int> Numbers => [.. QuestionCatalog.All.Select(static question => question.Number)];

    [Theory]
    [MemberData(nameof(Answers))]
    public void Made_up_figures_get_the_answer_they_deserve(int number, string figures, string verdicts)
    {
        Question question = QuestionCatalog.All.Single(question => question.Number == number);
        Dictionary<string, double> parsed = figures.Split(';')
            .Select(static figure => figure.Split('='))
            .ToDictionary(static pair => pair[0],
                static pair => double.Parse(pair[1], CultureInfo.InvariantCulture), StringComparer.Ordinal);
        IReadOnlyList<JudgedPoint> answer = question.Answer(MadeUp.Evidence((question.Experiments[0], parsed)));
        Assert.Equal(verdicts, string.Join(' ', answer.Select(static point => point.Verdict)));
    }

    [Theory]
    [MemberData(nameof(Numbers))]
    public void Every_figure_a_question_reads_is_in_a_quick_result(int number)
    {
        Question question = QuestionCatalog.All.Single(question => question.Number == number);
        var evidence = new Evidence(
            question.Experiments.ToDictionary(static name => name, Replicate, StringComparer.Ordinal));
        IReadOnlyList<JudgedPoint> answer = question.Answer(evidence);
        Assert.NotEmpty(answer);
        Assert.All(answer, static judged => Assert.All(
            judged.Point.Values, value => Assert.True(double.IsFinite(value), judged.Point.Statement)));
        Assert.All(question.Claims, static id => Assert.NotNull(ClaimCatalog.Find(id)));
    }

    [Fact]
    public void Without_results_there_is_no_answer() =>
        Assert.All(QuestionCatalog.All, static question => Assert.Empty(question.Answer(MadeUp.Evidence())));

    private static IReadOnlyList<IReadOnlyDictionary<string, double>> Replicate(string name)
    {
        Experiment experiment = ExperimentCatalog.Find(name)!;
        var settings = new ExperimentSettings(
            2, 1, experiment.OnlyDType ?? experiment.LessonDType, experiment.Epochs is null ? null : 1, Quick: true);
        return [experiment.Replicate(new ExperimentContext(
            settings, LabData.Embedded, new Silence(), TestContext.Current.CancellationToken)).Figures];
    }

    private static string Gains(double deep, double narrow, double penalized)
    {
        (string What, double Gain)[] gains =
            [("small-weights-depth10", deep), ("depth30", deep), ("width2", narrow), ("l20.3", penalized)];
        return string.Join(';', gains.Select(static pair => string.Create(CultureInfo.InvariantCulture,
            $"layernorm-{pair.What}.trainAccuracy={0.5 + pair.Gain};none-{pair.What}.trainAccuracy=0.5")));
    }
}

using System.Globalization;
using Evenkeel.Lab.Experiments.DoctorProof;

namespace Evenkeel.Lab.Claims;

/// <summary>Wrong preparations of pictures that the first norm gives away.</summary>
internal sealed class C39WrongPreprocessing : Claim
{
    private const string Wrong = "wrong-preprocessing";

    public override string Id => "C39";

    public override string Statement => "The running statistics of the first norm tell which preprocessing is wrong";

    public override string Lesson => "R2";

    public override string Words =>
        "The first norm remembers the inputs of the training. Whoever prepares them otherwise sees it drift, and the " +
        "one preparation that takes the drift away is the one of the training.";

    public override string Effect =>
        "share of two nets, trained on pixels from 0 to 1 and on ImageNet's mean and deviation, for which the doctor " +
        "names what gives the inputs of the training back";

    /// <summary>Both nets for every seed.</summary>
    public override Bound Bound => Bound.AtLeast(0.9);

    public override string Rule =>
        $"{Effect}: the 95 % interval over the seeds lies {Bound} for every mistake; and of right inputs nothing is " +
        $"said ({InPart})";

    public override IReadOnlyList<string> Experiments => [Wrong];

    public override string Practice =>
        "If a network is much worse in use than it was said to be, run evenkeel doctor with some of your images " +
        "first. It can only name preparations that it tries, and only where they change what the first norm sees.";

    protected override IEnumerable<Case> Measure(Evidence evidence) =>
    [
        .. PicturePipeline.Titles.Select(mistake => new Case(mistake.Title, Means(evidence, mistake.Name, "named"))),
        new Case("right inputs", Means(evidence, "right", "spoke"), Bound: Bound.AtMost(0.1),
            Effect: "share of two nets whose right inputs are called wrong"),
    ];

    protected override string Remark(Evidence evidence)
    {
        return "Share of the seeds for which it is named, and the loss of test accuracy: " +
            $"{string.Join("; ", PicturePipeline.Right.Select(Of))}.";

        string Of(PicturePipeline right) => $"trained on {right.Name}, " + string.Join(", ",
            PicturePipeline.Titles.Select(mistake => $"{mistake.Title} {Mean(right, mistake.Name, "named", "F1")}, " +
                Mean(right, mistake.Name, "loss", "F3")));

        string Mean(PicturePipeline right, string given, string figure, string format) =>
            evidence.Values(Wrong, $"{WrongPreprocessingNamed.Figure(right, given)}.{figure}").Average()
                .ToString(format, CultureInfo.InvariantCulture);
    }

    private static double[] Means(Evidence evidence, string given, string figure) =>
        evidence.Values(Wrong, figures => PicturePipeline.Right.Average(right =>
            figures[$"{WrongPreprocessingNamed.Figure(right, given)}.{figure}"]));
}

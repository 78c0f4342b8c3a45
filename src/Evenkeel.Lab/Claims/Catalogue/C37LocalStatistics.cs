using System.Globalization;
using Evenkeel.Lab.Experiments.Convnets;
using Evenkeel.Lab.Experiments.Regularization;

namespace Evenkeel.Lab.Claims;

/// <summary>Processes that do not talk about batch statistics against those that do.</summary>
internal sealed class C37LocalStatistics : Claim
{
    private const string Parallel = "data-parallel";

    public override string Id => "C37";

    public override string Statement =>
        "Where a batch is cut into parts, batch statistics of each part alone cost no accuracy";

    public override string Lesson => "S1";

    public override string Words =>
        "Elsewhere batch norm in several processes takes the statistics of the process, and a batch norm that talks " +
        "to the others is an option for small parts.";

    public override string Effect =>
        "test accuracy after training with statistics of the whole batch less that with statistics of each part " +
        "(mean of two nets)";

    public override Bound Bound => Bound.AtMost(0.02);

    public override IReadOnlyList<string> Experiments => [Parallel];

    public override string Practice =>
        "Keep the pooled statistics where parts are small. Where parts are large and messages slow, take " +
        "--batch-statistics local.";

    protected override string Cases => "in parts of 2, 4, 8 and 16 images";

    protected override IEnumerable<Case> Measure(Evidence evidence) => DataParallel.Sizes.Reverse().Select(size =>
    {
        double[][] losses = [.. DataParallel.Nets.Select(net => evidence.Differences(Parallel,
            $"{DataParallel.Figure(net, null)}.testAccuracy", $"{DataParallel.Figure(net, size)}.testAccuracy"))];
        return new Case(
            string.Create(CultureInfo.InvariantCulture, $"parts of {size} images"),
            [.. losses[0].Select((_, seed) => losses.Average(own => own[seed]))]);
    });

    protected override string Remark(Evidence evidence)
    {
        return "Test accuracies with statistics of the whole batch, and of parts of 2, 4, 8 and 16 images (in brackets "
            + $"with exact statistics after the training): {string.Join("; ", DataParallel.Nets.Select(Of))}.";

        string Of(ComparedNet net) => $"{net.Title} " + string.Join(", ",
            new int?[] { null }.Concat(DataParallel.Sizes.Select(static size => (int?)size)).Select(size =>
                $"{Mean(net, size, "testAccuracy")} ({Mean(net, size, "recalibratedTestAccuracy")})"));

        string Mean(ComparedNet net, int? size, string figure) =>
            evidence.Values(Parallel, $"{DataParallel.Figure(net, size)}.{figure}").Average()
                .ToString("F3", CultureInfo.InvariantCulture);
    }
}

using System.Globalization;
using Evenkeel.Lab.Experiments.Convnets;

namespace Evenkeel.Lab.Claims;

/// <summary>The doctor's batch size against those that were trained.</summary>
internal sealed class C40BatchSizeAdvice : Claim
{
    private const string Adviser = "batch-size-adviser";

    public override string Id => "C40";

    public override string Statement => "In the batch size that the doctor advises a net trains as well as in the best";

    public override string Lesson => "R3";

    public override string Words =>
        "One trained net shows by how much statistics of smaller batches spoil its answers. The smallest size that " +
        "does not spoil them is advised, without a training in it.";

    public override string Effect =>
        "test accuracy after training in the best of the batch sizes (by other images) less that in the advised one";

    public override Bound Bound => Bound.AtMost(0.02);

    public override IReadOnlyList<string> Experiments => [Adviser];

    public override string Practice =>
        "Take the doctor's advice for the smallest batch that memory must hold, not for the best one: rate and " +
        "number of steps decide that too.";

    protected override string Cases => "in three nets";

    protected override IEnumerable<Case> Measure(Evidence evidence) =>
        ComparedNet.All.Select(net => new Case(net.Words, evidence.Values(Adviser, $"{net.Name}.loss")));

    protected override string Remark(Evidence evidence)
    {
        return "Sizes advised, by seed; smallest sizes within .02 of the best; test accuracy at the advised, the " +
            $"best and the smallest size: {string.Join(". ", ComparedNet.All.Select(Of))}.";

        string Of(ComparedNet net)
        {
            return $"{net.Title}: {Sizes("advised")}; {Sizes("smallestGood")}; {Mean("advisedTestAccuracy")}, " +
                $"{Mean("bestTestAccuracy")}, {Mean("smallestTestAccuracy")}";

            string Sizes(string figure) => string.Join(", ", Values(figure).Select(
                static size => size.ToString(CultureInfo.InvariantCulture)));

            string Mean(string figure) => Values(figure).Average().ToString("F3", CultureInfo.InvariantCulture);

            double[] Values(string figure) => evidence.Values(Adviser, $"{net.Name}.{figure}");
        }
    }
}

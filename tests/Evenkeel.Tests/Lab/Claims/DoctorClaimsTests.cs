using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments.Convnets;
using Evenkeel.Lab.Experiments.DoctorProof;
using Xunit;

namespace Evenkeel.Tests.Lab.Claims;

/// <summary>Claims on the doctor, fed with made-up figures: the verdict must follow from what is measured.</summary>
public sealed class DoctorClaimsTests
{
    [Theory]
    [InlineData(0.001, 0.002, 0, "holds")]
    [InlineData(0.1, 0.3, 1, "fails")]
    [InlineData(0.1, 0.002, 0, "holds, except for channels that are copies")]
    [InlineData(0.001, 0.002, 2, "holds, except for healthy networks")]
    public void C38_wants_what_costs_accuracy_found_and_nothing_else(
        double twins, double others, double warnings, string verdict)
    {
        var figures = new Dictionary<string, double>
        {
            ["healthy.warnings"] = warnings,
            ["healthy.testAccuracy"] = 0.9,
        };
        foreach (Injury injury in Injury.All)
            figures[$"{injury.Name}.lossUnwarned"] = injury.Name == "twins" ? twins : others;
        Assert.Equal(verdict, Judge("C38", "doctor-recall", figures));
    }

    [Theory]
    [InlineData(1, 1, 0, "holds")]
    [InlineData(0, 0, 1, "fails")]
    [InlineData(0, 1, 0, "holds, except for channels reversed")]
    [InlineData(1, 1, 1, "holds, except for right inputs")]
    public void C39_wants_every_mistake_named(double reversed, double others, double spoke, string verdict)
    {
        var figures = new Dictionary<string, double>();
        foreach (PicturePipeline right in PicturePipeline.Right)
        {
            figures[$"{right.Name}.testAccuracy"] = 0.9;
            figures[$"{WrongPreprocessingNamed.Figure(right, "right")}.spoke"] = spoke;
            foreach ((string name, _) in PicturePipeline.Titles)
            {
                figures[$"{WrongPreprocessingNamed.Figure(right, name)}.named"] =
                    name == "reversed" ? reversed : others;
                figures[$"{WrongPreprocessingNamed.Figure(right, name)}.loss"] = 0.5;
            }
        }

        Assert.Equal(verdict, Judge("C39", "wrong-preprocessing", figures));
    }

    [Theory]
    [InlineData(0.01, -0.01, "holds")]
    [InlineData(0.1, 0.05, "fails")]
    [InlineData(0.1, 0, "holds, except for the ResNet")]
    public void C40_wants_the_advised_size_as_good_as_the_best(double resnet, double others, string verdict)
    {
        var figures = new Dictionary<string, double>();
        foreach (ComparedNet net in ComparedNet.All)
        {
            foreach (string figure in (ReadOnlySpan<string>)["advised", "smallestGood", "advisedTestAccuracy",
                "bestTestAccuracy", "smallestTestAccuracy"])
                figures[$"{net.Name}.{figure}"] = 16;
            figures[$"{net.Name}.loss"] = net == ComparedNet.ResNet ? resnet : others;
        }

        Assert.Equal(verdict, Judge("C40", "batch-size-adviser", figures));
    }

    private static string Judge(string id, string experiment, Dictionary<string, double> figures)
    {
        Finding finding = ClaimCatalog.Find(id)!.Judge(MadeUp.Evidence((experiment, figures)));
        Assert.NotNull(finding.Remark);
        return finding.VerdictText;
    }
}

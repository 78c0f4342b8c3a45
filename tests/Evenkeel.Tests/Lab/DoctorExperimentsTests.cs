using Evenkeel.Data;
using Evenkeel.Examination;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Drawn;
using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Experiments.DoctorProof;
using Evenkeel.Lab.Experiments.Regularization;
using Evenkeel.Nn;
using Evenkeel.Random;
using Xunit;
using Finding = Evenkeel.Lab.Claims.Finding;

namespace Evenkeel.Tests.Lab;

/// <summary>
/// The experiments on the doctor, on tiny runs: claims find their figures, charts fit, and injuries and pipelines are
/// what they say.
/// </summary>
public sealed class DoctorExperimentsTests
{
    private const int FewImages = 64;

    [Fact]
    public void Every_injury_gets_a_level_and_a_loss()
    {
        var experiment = new DoctorRecall();
        ExperimentResult result = DoctorRecall.Measure(
            Context(experiment, epochs: 1), count: FewImages, held: 60, isSparse: true);
        Judge(experiment, result, "C38");
        Assert.Equal(experiment.Variants, result.Series.Select(static series => series.Name.Split('/')[0]));
        // What needs no trained network to be seen.
        Assert.Equal(1 + (int)FindingLevel.Error, result.Figures["not-finite-16.level"]);
        Assert.Equal(1 + (int)FindingLevel.Error, result.Figures["dead-channels-16.level"]);
        Assert.True(result.Figures["twins-8.level"] > (int)FindingLevel.Warning);
    }

    [Fact]
    public void Small_filters_and_an_offset_leave_the_outputs_as_they_are()
    {
        var net = new Sequential(
            new Conv2d(1, 4, 3, random: new Philox(1)), new BatchNorm2d(4), new ReLU(),
            new Conv2d(4, 16, 3, random: new Philox(2)), new BatchNorm2d(16));
        net.To(DType.Float64);
        Tensor x = Tensor.RandomNormal([2, 1, 8, 8], new Philox(3), DType.Float64), before = net.Predict(x);
        foreach ((string name, double strength) in ((string, double)[])[("small-filters", 3), ("offset", 10)])
        {
            Tensor after = Injury.All.Single(injury => injury.Name == name).Of(net, strength).Predict(x);
            // eps is 1e-5 of a variance of 1, and 9e-5 of a ninth.
            Assert.InRange((after - before).Abs().Max().Item(), 0, 1e-3);
        }

        Module off = Injury.All.Single(static injury => injury.Name == "means-off").Of(net, 1);
        Assert.InRange((off.Predict(x) - before).Abs().Max().Item(), 0.5, 10);
        Assert.Equal(0, (net.Predict(x) - before).Abs().Max().Item());
    }

    [Fact]
    public void Twins_are_equal_and_the_others_stay()
    {
        var net = new Sequential(new Linear(3, 4, random: new Philox(1)), new BatchNorm1d(4), new ReLU(),
            new Linear(4, 4, random: new Philox(2)), new BatchNorm1d(4));
        Module twins = Injury.All.Single(static injury => injury.Name == "twins").Of(net, 1);
        Tensor y = twins.Predict(Tensor.RandomNormal([5, 3], new Philox(3)));
        for (int n = 0; n < 5; n++)
        {
            Assert.Equal(y.ValueAt(4 * n), y.ValueAt((4 * n) + 1));
            Assert.NotEqual(y.ValueAt((4 * n) + 2), y.ValueAt((4 * n) + 3));
        }
    }

    [Fact]
    public void Every_mistake_with_pictures_is_tried_on_both_nets()
    {
        var experiment = new WrongPreprocessingNamed();
        Cifar10Split images = SyntheticCifar.Create(1, FewImages, 40, 0);
        ExperimentResult result = WrongPreprocessingNamed.Measure(
            Context(experiment, epochs: 1), images.Train, images.Validation, [1, 0.8f, 0.55f]);
        Judge(experiment, result, "C39");
        Assert.Equal(14, result.Tables[0].Rows.Count);
        Assert.All(result.Figures.Where(static figure => figure.Key.EndsWith(".named", StringComparison.Ordinal)),
            static figure => Assert.True(figure.Value is 0 or 1, figure.Key));
    }

    [Fact]
    public void A_pipeline_prepares_pixels()
    {
        Tensor pixels = Tensor.From([0f, 0.25f, 0.5f, 0.75f, 1, 0]).Reshape(1, 3, 1, 2);
        Assert.Equal([0, 63.75, 127.5, 191.25, 255, 0], Given("times-255"));
        Assert.Equal([1, 0, 0.5, 0.75, 0, 0.25], Given("reversed"));
        Assert.Equal([-1, -0.5, 0, 0.5, 1, -1], Given("minus-1-to-1"));
        Assert.Equal([0, 0.5, 1, 0.25, 0.75, 0], Given("layout"));
        Assert.Equal((0.25 - 0.485) / 0.229, Given("mean-and-deviation")[1], 1e-6);
        Assert.Equal(0.25 / 255, Given("255-twice")[1], 1e-9);

        double[] Given(string name)
        {
            Tensor inputs = PicturePipeline.Mistakes(PicturePipeline.Unit).Single(one => one.Name == name)
                .Apply(pixels);
            return [.. Enumerable.Range(0, 6).Select(i => inputs.ValueAt(i))];
        }
    }

    [Fact]
    public void A_batch_size_is_advised_for_every_net()
    {
        var experiment = new BatchSizeAdviser();
        ExperimentContext context = Context(experiment, epochs: 1);
        ExperimentResult result = BatchSizeAdviser.Measure(
            context, FewGarments.Draw(context, held: 30, count: FewImages), [8, BatchSizeAdviser.Ordinary]);
        Judge(experiment, result, "C40");
        Assert.All(experiment.Variants, net => Assert.InRange(result.Figures[$"{net}.advised"], 2, 32));
    }

    private static void Judge(Experiment experiment, ExperimentResult result, string claim)
    {
        Finding finding = ClaimCatalog.Find(claim)!
            .Judge(new Evidence(new Dictionary<string, IReadOnlyList<IReadOnlyDictionary<string, double>>>
            {
                [experiment.Name] = [result.Figures, result.Figures],
            }));
        Assert.Equal(2, finding.Seeds);
        Assert.NotNull(finding.Remark);
        Assert.All(finding.Cases,
            static judged => Assert.All(judged.Case.Values, static value => Assert.True(double.IsFinite(value))));
        Assert.All(experiment.Charts(result),
            static chart => Assert.All(chart.Curves, static curve => Assert.Equal(curve.X.Count, curve.Y.Count)));
        Assert.NotEmpty(experiment.Charts(result));
        Assert.InRange(experiment.Headline(result.Figures).Length, 1, 45);
        Assert.NotNull(result.WeightsHash);
    }

    private static ExperimentContext Context(Experiment experiment, int epochs) =>
        new(new ExperimentSettings(3, 1, experiment.LessonDType, epochs, Quick: true),
            LabData.Embedded, new Silence(), CancellationToken.None);
}

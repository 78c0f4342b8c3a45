using Evenkeel.Random;
using Evenkeel.Training;

namespace Evenkeel.Lab.Experiments.Notebook;

/// <summary>In[14]: layer norm gives every sample the mean beta and the standard deviation gamma.</summary>
internal sealed class LayerNormForward : Experiment
{
    public override string Name => "layernorm-forward";

    public override string Title => "Means and stds before and after layer norm";

    public override string Lesson => "N15";

    public override string Description =>
        "Activations of a two-layer net, 4 samples of 3 features, before layer norm, after it with gamma 1 and beta " +
        "0, and after it with gamma 3 and beta 5; statistics of each sample.";

    public override DType LessonDType => DType.Float64;

    public override ExperimentResult Run(ExperimentContext context)
    {
        var random = new NumPyRandomState((uint)context.Seed);
        Tensor x = random.Randn([4, 50], context.DType), w1 = random.Randn([50, 60], context.DType),
            w2 = random.Randn([60, 3], context.DType);
        Tensor a = NotebookMath.TwoLayers(x, w1, w2);
        Tensor plain = a.LayerNorm([3], Tensor.Ones([3], context.DType), Tensor.Zeros([3], context.DType));
        Tensor affine = a.LayerNorm([3], Tensor.Full([3], 3, context.DType), Tensor.Full([3], 5, context.DType));

        var result = new ExperimentResult();
        var before = NotebookMath.MeanStd(a, axis: 1);
        var after = NotebookMath.MeanStd(plain, axis: 1);
        var shifted = NotebookMath.MeanStd(affine, axis: 1);
        result.Tables.Add(MeanStdTable.Of("Mean and standard deviation of each sample", "sample",
            ("before", before), ("gamma 1, beta 0", after), ("gamma 3, beta 5", shifted)));
        var digits = new PrintedDigits();
        digits.Add(before.Means, "-59.06673243", "-47.60782686", "-43.31137368", "-26.40991744");
        digits.Add(before.Stds, "10.07429373", "28.39478981", "35.28360729", "4.01831507");
        digits.Add(after.Stds, "0.99999995", "0.99999999", "1", "0.99999969");
        digits.Add(shifted.Means, "5", "5", "5", "5");
        digits.Add(shifted.Stds, "2.99999985", "2.99999998", "2.99999999", "2.99999907");
        digits.Report(result, context, "N15.digits");
        result.Notes.Add(NotebookExperiment.OtherSeedNote);
        using var hash = new WeightsHash();
        hash.Add("plain", plain);
        hash.Add("affine", affine);
        result.WeightsHash = hash.Finish();
        return result;
    }

    public override IReadOnlyList<Chart> Charts(ExperimentResult result) => Chart.ByQuantity(result);

    public override string Headline(IReadOnlyDictionary<string, double> figures) => PrintedDigits.Headline(figures);
}

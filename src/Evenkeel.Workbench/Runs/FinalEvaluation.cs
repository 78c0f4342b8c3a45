using System.Text.Json.Nodes;
using Evenkeel.Data;
using Evenkeel.Nn;
using Evenkeel.Surgery;
using Evenkeel.Training;
using Evenkeel.Workbench.Data;
using Evenkeel.Workbench.Settings;

namespace Evenkeel.Workbench.Runs;

/// <summary>
/// What <c>evaluation.json</c> holds: scores, confusion matrix, worst mistakes, and how the norms stand.
/// </summary>
internal static class FinalEvaluation
{
    private const int MostMistakes = 24, MostPoints = 2000, NormSamples = 2000, LargestPicture = 96;

    /// <summary>Measures a network on a set.</summary>
    /// <param name="model">The network.</param>
    /// <param name="set">The samples, with targets.</param>
    /// <param name="preparation">What the outputs mean.</param>
    /// <param name="scores">The scores that the trainer measured on it.</param>
    /// <param name="cancellation">Stops.</param>
    public static JsonObject Measure(
        Module model, SampleSet set, Preparation preparation, Scores scores, CancellationToken cancellation)
    {
        var json = new JsonObject
        {
            ["task"] = preparation.IsClassification ? "classification" : "regression",
            ["set"] = set.Name,
            ["samples"] = set.Count,
            ["scores"] = ToJson(scores),
        };
        Predictions predictions = Predictions.Of(model, set, preparation, cancellation);
        if (preparation.IsClassification) AddClasses(json, set, preparation, predictions);
        else AddNumbers(json, set, preparation, predictions);
        return json;
    }

    /// <summary>How far the running statistics of each norm are from those of the training samples.</summary>
    public static JsonArray Norms(Module model, SampleSet training, CancellationToken cancellation)
    {
        var list = new JsonArray();
        if (!model.NamedBuffers().Any()) return list;
        var some = new Subset(training.Samples, Evenly.Spread(NormSamples, training.Count));
        RecalibrationReport report = model.Clone().Recalibrate(some, cancellationToken: cancellation);
        foreach (RecalibratedLayer layer in report.Layers)
        {
            (double smallest, double largest) = layer.VarianceRatioRange;
            list.Add((JsonNode)new JsonObject
            {
                ["layer"] = layer.Name,
                ["kind"] = layer.Type,
                ["channels"] = layer.MeanShift.Count,
                ["meanShift"] = Finite(layer.LargestMeanShift),
                ["varianceRatioSmallest"] = Finite(smallest),
                ["varianceRatio"] = Finite(largest),
            });
        }

        return list;
    }

    /// <summary>Scores by name.</summary>
    public static JsonObject ToJson(Scores scores)
    {
        var json = new JsonObject();
        foreach ((string name, double value) in scores) json[name] = Finite(value);
        return json;
    }

    private static void AddClasses(JsonObject json, SampleSet set, Preparation preparation, Predictions predictions)
    {
        IReadOnlyList<string> classes = preparation.ClassNames;
        var counts = new long[classes.Count, classes.Count];
        var wrong = new List<(int Sample, int Expected, int Predicted, double Probability)>();
        for (int i = 0; i < set.Count; i++)
        {
            (int expected, int predicted) = ((int)predictions.Labels[i], predictions.ClassOf(i));
            counts[expected, predicted]++;
            if (expected != predicted) wrong.Add((i, expected, predicted, predictions.Row(i)[predicted]));
        }

        var rows = new JsonArray();
        for (int c = 0; c < classes.Count; c++)
        {
            int row = c;
            rows.Add((JsonNode)new JsonArray([.. Enumerable.Range(0, classes.Count)
                .Select(column => (JsonNode)JsonValue.Create(counts[row, column]))]));
        }

        json["confusion"] = new JsonObject
        {
            ["classes"] = new JsonArray([.. classes.Select(static name => (JsonNode)JsonValue.Create(name)!)]),
            ["counts"] = rows,
        };
        var mistakes = new JsonArray();
        foreach ((int sample, int expected, int predicted, double probability) in wrong
            .OrderByDescending(static mistake => mistake.Probability).ThenBy(static mistake => mistake.Sample)
            .Take(MostMistakes))
        {
            var mistake = new JsonObject
            {
                ["sample"] = set.NameOf(sample),
                ["expected"] = classes[expected],
                ["predicted"] = classes[predicted],
                ["probability"] = Math.Round(probability, 4),
            };
            if (set.PictureOf(sample) is { } picture) mistake["picture"] = PictureText.Of(picture, LargestPicture);
            mistakes.Add((JsonNode)mistake);
        }

        json["mistakes"] = mistakes;
    }

    private static void AddNumbers(JsonObject json, SampleSet set, Preparation preparation, Predictions predictions)
    {
        IReadOnlyList<string> names = preparation.TargetNames;
        int outputs = names.Count;
        var worst = Enumerable.Range(0, set.Count * outputs)
            .Select(k => (Sample: k / outputs, Output: k % outputs))
            .OrderByDescending(x => Math.Abs(predictions.ErrorOf(x.Sample, x.Output)))
            .ThenBy(static x => x.Sample).Take(MostMistakes);
        json["mistakes"] = new JsonArray([.. worst.Select(x => (JsonNode)new JsonObject
        {
            ["sample"] = outputs == 1 ? set.NameOf(x.Sample) : $"{set.NameOf(x.Sample)}, {names[x.Output]}",
            ["expected"] = Finite(predictions.TargetOf(x.Sample, x.Output)),
            ["predicted"] = Finite(predictions.Row(x.Sample)[x.Output]),
        })]);
        json["points"] = new JsonArray([.. Evenly.Spread(MostPoints, set.Count)
            .Select(i => (JsonNode)new JsonArray(
                Finite(predictions.TargetOf(i, 0)), Finite(predictions.Row(i)[0])))]);
    }

    private static JsonValue? Finite(double value) => double.IsFinite(value) ? JsonValue.Create(value) : null;
}

using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;

namespace Evenkeel.Training;

/// <summary>
/// Measures the loss (if there is one) and the metrics of a model in Eval. The tape is kept between evaluations.
/// </summary>
internal sealed class Evaluator(Module model, Loss? loss, IReadOnlyList<Metric> metrics)
{
    private readonly Tape _tape = new(Mode.Eval);

    /// <summary>
    /// Goes through epoch 0 of a loader, without telling the data set which one it is: it may be the training's. The
    /// loader stands afterwards where it stood, so each evaluation sees the same batches, also in a resumed run.
    /// </summary>
    public Scores Measure(DataLoader data, CancellationToken cancellationToken)
    {
        foreach (Metric metric in metrics) metric.Reset();
        double total = 0;
        long samples = 0;
        LoaderPosition position = data.Position;
        try
        {
            data.NextEpoch = 0;
            using IEnumerator<Batch> batches = data.Begin(setsEpoch: false, cancellationToken);
            while (batches.MoveNext())
            {
                Batch batch = batches.Current;
                _tape.Reset();
                Tensor prediction = model.Forward(_tape.Borrow(batch.Inputs));
                if (loss is not null) total += loss.Forward(prediction, batch.Targets).Item() * batch.Count;
                samples += batch.Count;
                foreach (Metric metric in metrics) metric.Update(prediction, batch.Targets);
            }
        }
        finally
        {
            data.Position = position;
        }

        IEnumerable<string> names = metrics.Select(static metric => metric.Name);
        IEnumerable<double> values = metrics.Select(static metric => metric.Compute());
        return loss is null
            ? new Scores(names, values)
            : new Scores(names.Prepend(Scores.LossName), values.Prepend(total / samples));
    }
}

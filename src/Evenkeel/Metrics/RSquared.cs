namespace Evenkeel.Training;

/// <summary>
/// The coefficient of determination R² = 1 - Σ (prediction - target)²/Σ (target - mean)²: the share of the targets'
/// variance that the prediction explains. 1 is perfect, 0 is as good as the mean, and worse is negative. Targets are
/// numbers of the prediction's shape. With several outputs per sample it is the mean of their R² (scikit-learn's
/// <c>uniform_average</c>).
/// </summary>
/// <remarks>
/// The variance is pooled over the batches by the formula of Chan, Golub and LeVeque: with n and m values, means a and
/// b and d = b - a, Σ(t-mean)² is the sum of both plus d²·n·m/(n+m). The means are those of the distances from the
/// first target, so targets with a large mean keep their digits. An output whose targets are all equal has R² 1 if they
/// are all met, else 0, as in scikit-learn.
/// </remarks>
public sealed class RSquared : Metric
{
    private readonly MetricValues _predictions = new(), _targets = new();

    // Per output: the first target, the mean of the targets less the first one, Σ(t-mean)² and Σ(p-t)².
    private double[] _first = [], _mean = [], _spread = [], _errors = [];
    private long _samples;

    /// <summary><c>r2</c>.</summary>
    public override string Name => "r2";

    /// <inheritdoc/>
    public override void Reset()
    {
        _samples = 0;
        Array.Clear(_mean);
        Array.Clear(_spread);
        Array.Clear(_errors);
    }

    /// <inheritdoc/>
    public override void Update(Tensor prediction, Tensor target)
    {
        MetricValues.CheckPair("RSquared", prediction, target);
        if (target.Count == 0) return;
        int samples = target.Shape.Rank == 0 ? 1 : target.Shape[0], outputs = target.Count / samples;
        if (_samples > 0 && outputs != _mean.Length)
        {
            throw new ArgumentException($"RSquared: expected {_mean.Length} outputs per sample as in the batches "
                + $"before, got shape {target.Shape}. Call Reset before another model.", nameof(target));
        }

        if (_mean.Length != outputs)
        {
            (_first, _mean) = (new double[outputs], new double[outputs]);
            (_spread, _errors) = (new double[outputs], new double[outputs]);
        }

        ReadOnlySpan<double> predictions = _predictions.Read(prediction), targets = _targets.Read(target);
        MetricValues.CheckFinite("RSquared", target, targets);
        if (_samples == 0) targets[..outputs].CopyTo(_first);
        for (int k = 0; k < outputs; k++) Pool(predictions, targets, k, samples);
        _samples += samples;
    }

    /// <summary>R²; NaN for fewer than two samples.</summary>
    public override double Compute()
    {
        if (_samples < 2) return double.NaN;
        double total = 0;
        for (int k = 0; k < _mean.Length; k++)
        {
            // Written so that a NaN in the errors stays one.
            if (_spread[k] > 0) total += 1 - (_errors[k] / _spread[k]);
            else total += _errors[k] == 0 ? 1 : _errors[k] > 0 ? 0 : double.NaN;
        }

        return total / _mean.Length;
    }

    private void Pool(ReadOnlySpan<double> predictions, ReadOnlySpan<double> targets, int output, int samples)
    {
        double first = _first[output], sum = 0, spread = 0, errors = 0;
        for (int i = output; i < targets.Length; i += _mean.Length) sum += targets[i] - first;
        double mean = sum / samples;
        for (int i = output; i < targets.Length; i += _mean.Length)
        {
            double deviation = targets[i] - first - mean, error = predictions[i] - targets[i];
            spread += deviation * deviation;
            errors += error * error;
        }

        double distance = mean - _mean[output], all = _samples + samples;
        if (_samples == 0) _mean[output] = mean;
        else
        {
            spread += distance * distance * (_samples / all) * samples;
            _mean[output] += distance * (samples / all);
        }

        _spread[output] += spread;
        _errors[output] += errors;
    }
}

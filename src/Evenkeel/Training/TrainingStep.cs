using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;

namespace Evenkeel.Training;

/// <summary>
/// One step on one batch: forward, loss, backward, penalty, clipping, and the update, if loss and gradients are finite.
/// A step that is refused or throws leaves no trace in running statistics and gradients.
/// </summary>
internal sealed class TrainingStep : IDisposable
{
    private readonly Module _model;
    private readonly Loss _loss;
    private readonly Optimizer _optimizer;
    private readonly TrainerOptions _options;
    private readonly Parameter[] _parameters;
    private readonly string[] _names;
    private readonly Parameter[] _weights;
    private readonly Tape _tape = new(Mode.Train);
    private readonly Replicas? _replicas;
    private readonly TrainingExamination? _examination;
    private readonly bool _hasWholeGradients;

    /// <summary>Prepares steps.</summary>
    /// <param name="model">The model.</param>
    /// <param name="loss">Its loss.</param>
    /// <param name="optimizer">Its optimizer.</param>
    /// <param name="options">The settings.</param>
    /// <param name="examination">Looks at the steps; null if nobody does.</param>
    /// <param name="needsWholeGradients">
    /// Whether every process gets all gradients although it has a share of the optimizer's state alone.
    /// </param>
    public TrainingStep(
        Module model, Loss loss, Optimizer optimizer, TrainerOptions options, TrainingExamination? examination = null,
        bool needsWholeGradients = true)
    {
        _hasWholeGradients = needsWholeGradients || !optimizer.IsShared;
        (_model, _loss, _optimizer, _options, _examination) = (model, loss, optimizer, options, examination);
        IReadOnlyList<(string Name, Parameter Parameter)> named = model.NamedParameters();
        _parameters = [.. named.Select(static entry => entry.Parameter)];
        _names = [.. named.Select(static entry => entry.Name)];
        _weights = Array.FindAll(_parameters, static parameter => parameter.Role == ParameterRole.Weight);
        _tape.Seed = options.Seed;
        if (options.MicroBatches > 1)
        {
            _replicas = new Replicas(model, options.MicroBatches, options.PoolsBatchStatistics, options.Processes)
            {
                Seed = options.Seed,
                GathersGradients = _hasWholeGradients,
            };
        }
    }

    /// <summary>Bytes of the tape; without those of micro-batches after the first.</summary>
    public long CapacityInBytes => _tape.CapacityInBytes;

    /// <summary>Runs a step.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="iteration">Iterations done so far. Dropout draws by it.</param>
    /// <returns>
    /// The loss with the penalty, and whether the step was taken.
    /// </returns>
    public StepResult Run(Batch batch, long iteration)
    {
        _examination?.BeforeForward(iteration);
        try
        {
            return _replicas is null ? RunWhole(batch, iteration) : RunInParts(_replicas, batch, iteration);
        }
        catch
        {
            Undo();
            throw;
        }
    }

    public void Dispose() => _replicas?.Dispose();

    private StepResult RunWhole(Batch batch, long iteration)
    {
        _tape.Reset();
        _tape.RandomStep = iteration;
        Tensor inputs = _tape.Borrow(batch.Inputs);
        Tensor prediction = _model.Forward(inputs), loss = _loss.Forward(prediction, batch.Targets);
        double value = loss.Item();
        if (!double.IsFinite(value)) return Refuse(batch, value, iteration, parameter: null);
        loss.Backward();
        _examination?.AfterBackward(prediction, batch, value, iteration);
        return Update(batch, value, iteration);
    }

    private StepResult RunInParts(Replicas replicas, Batch batch, long iteration)
    {
        replicas.RandomStep = iteration;
        double value = replicas.AccumulateShare(batch.Inputs, batch.Targets, batch.CountOfAll, _loss);
        if (!double.IsFinite(value)) return Refuse(batch, value, iteration, parameter: null);
        _examination?.AfterBackward(prediction: null, batch, value, iteration);
        return Update(batch, value, iteration);
    }

    private StepResult Update(Batch batch, double loss, long iteration)
    {
        if (_options.L2 > 0) loss += 0.5 * _options.L2 * AddPenalty();
        if (!double.IsFinite(loss)) return Refuse(batch, loss, iteration, parameter: null);
        // A finite loss may have infinite gradients, and one step along them would spoil the weights for good.
        string? spoilt;
        double squares = 0;
        if (_hasWholeGradients) squares = SumOfSquares(out spoilt);
        else spoilt = FirstSpoilt(_options.Processes!);
        if (spoilt is not null) return Refuse(batch, loss, iteration, spoilt);
        if (_options.MaxGradientNorm is { } norm) GradientClipping.Scale(_parameters, Math.Sqrt(squares), norm);
        if (_optimizer.IsShared)
        {
            _optimizer.StepShare();
            _replicas!.GatherWeights();
        }
        else _optimizer.Step();

        ClearGradients();
        return new StepResult(loss, IsTaken: true);
    }

    private StepResult Refuse(Batch batch, double loss, long iteration, string? parameter)
    {
        Undo();
        // The search for the layer is another pass. A batch that is skipped needs no explanation.
        if (_options.NonFiniteLoss == NonFiniteLoss.SkipBatch)
        {
            _examination?.AfterSkip(batch, _tape.Seed, iteration, parameter);
            return new StepResult(loss, IsTaken: false);
        }

        if (parameter is not null)
            return new StepResult(loss, false, DivergedException.OfGradient(iteration + 1, parameter, loss));
        (string layer, string detail) = batch.Count == 0
            ? ("the loss", "")
            : DivergenceFinder.Find(_model, batch.Inputs, _tape.Seed, iteration);
        if (_options.Processes is { Size: > 1 } processes)
            (layer, detail) = ProcessAgreement.FirstFinding(processes, layer, detail);
        return new StepResult(loss, false, new DivergedException(iteration + 1, layer, loss, detail));
    }

    private void Undo()
    {
        if (_replicas is null) _tape.Reject();
        else _replicas.Reject();
        ClearGradients();
    }

    private double AddPenalty()
    {
        double squares = 0;
        foreach (Parameter weight in _weights)
        {
            if (weight.Gradient is not { } gradient) continue;
            squares += GradientKernels.AddPenalty(weight.Value, gradient, _options.L2);
        }

        return squares;
    }

    /// <summary>
    /// The squared norm of all gradients, and the parameter nearest to the loss whose gradient is not finite. It was
    /// the first one in the backward pass.
    /// </summary>
    private double SumOfSquares(out string? spoilt)
    {
        spoilt = null;
        double squares = 0;
        for (int i = 0; i < _parameters.Length; i++)
        {
            if (_parameters[i].Gradient is not { } gradient) continue;
            double own = GradientKernels.SumOfSquares(gradient);
            squares += own;
            // Squares of finite doubles may overflow. The values themselves decide then.
            if (!double.IsFinite(own) && !DivergenceFinder.IsFinite(gradient)) spoilt = _names[i];
        }

        return squares;
    }

    /// <summary>
    /// The same parameter, if each process has the gradients of its share. They tell each other what they have found.
    /// </summary>
    private string? FirstSpoilt(IProcessGroup processes)
    {
        var share = new ElementShare(processes.Rank, processes.Size);
        double found = -1;
        for (int i = 0; i < _parameters.Length; i++)
        {
            if (_parameters[i].Gradient is not { } gradient) continue;
            (int start, int count) = share.Of(gradient.Count);
            if (!double.IsFinite(GradientKernels.SumOfSquares(gradient, start, count))
                && !DivergenceFinder.IsFinite(gradient, start, count)) found = i;
        }

        double[] all = new double[processes.Size];
        processes.AllGather("check of the gradients", [found], all);
        int first = (int)all.Max();
        return first < 0 ? null : _names[first];
    }

    private void ClearGradients()
    {
        foreach (Parameter parameter in _parameters) parameter.ZeroGrad();
    }
}

/// <summary>What a step did.</summary>
/// <param name="Loss">The loss of the batch, with the penalty.</param>
/// <param name="IsTaken">Whether the weights have changed.</param>
/// <param name="Problem">Why the step was refused; null if it was taken, or if batches are skipped.</param>
internal readonly record struct StepResult(double Loss, bool IsTaken, DivergedException? Problem = null);

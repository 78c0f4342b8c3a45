using Evenkeel.Data;
using Evenkeel.Examination;
using Evenkeel.Losses;
using Evenkeel.Random;

namespace Evenkeel.Training;

/// <summary>
/// Measures in the steps of one call of Fit what the rules look at, and calls them. It reads only.
/// </summary>
internal sealed class TrainingExamination : IDisposable
{
    private const int ScaleFreeSteps = 3, ShortestWindow = 8, LongestWindow = 32, WindowShare = 4;

    private readonly Trainer _trainer;
    private readonly TrainingDoctor _doctor;
    private readonly Action<TrainingFinding> _says;
    private readonly List<(TrainingRule Rule, FindingSink Sink)> _rules = [];
    private readonly HashSet<(string Rule, string Layer)> _said = [];
    private readonly TrainingView _view;
    private readonly double[] _scaleFree;
    private readonly List<IDisposable> _hooks = [];
    private bool _hasShapes;
    private bool _isLook;
    private bool _isInWindow;
    private bool _isSkipped;

    public TrainingExamination(Trainer trainer, TrainingDoctor doctor, Dictionary<string, double[]> memory,
        Action<TrainingFinding> says)
    {
        (_trainer, _doctor, _says) = (trainer, doctor, says);
        _view = new TrainingView(trainer, doctor, memory);
        // For each weight: 0 not yet known, n across in n steps, -1 not across.
        _scaleFree = _view.Recall("scale-free", _view.Weights.Count);
        for (int i = 0; i < _scaleFree.Length; i++) _view.Weights[i].IsScaleFree = _scaleFree[i] >= ScaleFreeSteps;
        foreach (TrainingRule rule in TrainingRules.All.Concat(doctor.Options.Rules.OfType<TrainingRule>()))
        {
            if (!doctor.Options.Disabled.Contains(rule.Id)) _rules.Add((rule, new FindingSink(rule, doctor.Options)));
        }

        foreach (TrainingFinding said in trainer.History.FindingList)
            _said.Add((said.Finding.Rule, said.Finding.Layer));
    }

    public void Dispose() => RemoveHooks();

    /// <summary>Before the forward pass of a step.</summary>
    /// <param name="iteration">Iterations done so far.</param>
    public void BeforeForward(long iteration)
    {
        _isLook = iteration % _doctor.Every == 0;
        int place = _trainer.StepInEpoch, steps = _trainer.StepsPerEpoch,
            window = Math.Min(steps, Math.Clamp(steps / WindowShare, ShortestWindow, LongestWindow));
        _isInWindow = place >= steps - window;
        _view.BaselineLoss = double.NaN;
        if (place == 0)
        {
            foreach (TrainedNorm norm in _view.Norms) norm.ClearWindow();
        }

        if (_isLook || iteration < ScaleFreeSteps)
        {
            foreach (TrainedWeight weight in _view.Weights) weight.TakeBefore();
        }

        if (_isLook || _isInWindow)
        {
            foreach (TrainedNorm norm in _view.Norms) norm.TakeBefore(_isInWindow);
        }

        if (!_hasShapes) WatchShapes();
    }

    /// <summary>After the backward pass, before penalty and clipping.</summary>
    /// <param name="prediction">The output of the model; null if the batch was cut into parts.</param>
    /// <param name="batch">The batch.</param>
    /// <param name="loss">Its loss.</param>
    /// <param name="iteration">Iterations done so far.</param>
    public void AfterBackward(Tensor? prediction, Batch batch, double loss, long iteration)
    {
        RemoveHooks();
        (_view.Samples, _view.Loss) = (batch.CountOfAll, loss);
        _view.NoteGradients();
        if (iteration == 0 && prediction is not null)
            _view.BaselineLoss = Baseline(_trainer.Loss, prediction, batch.Targets);
        if (iteration < ScaleFreeSteps) FindScaleFree(iteration);
        if (!_isLook) return;
        foreach (TrainedWeight weight in _view.Weights)
        {
            weight.TakeGradient();
            weight.CountSilent();
        }
    }

    /// <summary>A step was not taken: where the first values that are not finite come from.</summary>
    public void AfterSkip(Batch batch, ulong seed, long iteration, string? parameter)
    {
        RemoveHooks();
        _isSkipped = true;
        _view.Samples = batch.CountOfAll;
        // The search is another pass, so it is made once a training.
        if (_view.Spoilt is null)
        {
            double[] known = _view.Recall("searched", 1);
            if (known[0] != 0) return;
            known[0] = 1;
            _view.Spoilt = parameter is not null
                ? ($"the gradient of {parameter}", null)
                : DivergenceFinder.FindChannel(_trainer.Model, batch.Inputs, seed, iteration);
        }
    }

    /// <summary>After a step is complete: the rules look.</summary>
    /// <param name="isTaken">Whether the weights have changed.</param>
    public void AfterStep(bool isTaken)
    {
        _view.Iteration = _trainer.Iteration;
        if (!isTaken && _isSkipped)
        {
            _isSkipped = false;
            Look(static (rule, view, sink) => rule.OnSkip(view, sink));
            return;
        }

        if (_isLook || _isInWindow)
        {
            foreach (TrainedNorm norm in _view.Norms) norm.TakeAfter(_isInWindow && isTaken);
        }

        bool compares = _doctor.Collective is not null && _trainer.Iteration % _doctor.CompareEvery == 0;
        if (!_isLook && !compares) return;
        if (_isLook)
        {
            foreach (TrainedWeight weight in _view.Weights) weight.TakeAfter();
            Look(static (rule, view, sink) => rule.OnStep(view, sink));
        }

        if (compares) Look(static (rule, view, sink) => rule.OnCompare(view, sink));
    }

    /// <summary>After the record of an epoch: the rules look.</summary>
    public void AfterEpoch(EpochRecord record)
    {
        _view.Iteration = _trainer.Iteration;
        Look((rule, view, sink) => rule.OnEpoch(view, record, sink));
        _view.ForgetGradients();
    }

    private void Look(Action<TrainingRule, TrainingView, FindingSink> look)
    {
        foreach ((TrainingRule rule, FindingSink sink) in _rules)
        {
            _view.Rule = rule.Id;
            try
            {
                look(rule, _view, sink);
            }
            catch (Exception exception) when (exception is not (OperationCanceledException or IOException)
                && !TrainingRules.All.Contains(rule))
            {
                throw new InvalidOperationException(
                    $"Trainer: the rule {rule.Id} of the doctor failed after iteration {_trainer.Iteration}: "
                    + $"{exception.Message} The step itself is complete; mend the rule and call Fit again to go on.",
                    exception);
            }

            foreach (UncheckedRule missing in sink.Unchecked)
            {
                if (!_trainer.History.UncheckedList.Contains(missing)) _trainer.History.UncheckedList.Add(missing);
            }

            foreach (Finding finding in sink.Take())
            {
                if (_doctor.Options.Allowed.Contains((finding.Rule, finding.Layer))) continue;
                if (!_said.Add((finding.Rule, finding.Layer))) continue;
                var said = new TrainingFinding(_trainer.Iteration, _trainer.Epoch, finding);
                _trainer.History.FindingList.Add(said);
                _says(said);
            }
        }
    }

    private void FindScaleFree(long iteration)
    {
        for (int i = 0; i < _scaleFree.Length; i++)
        {
            TrainedWeight weight = _view.Weights[i];
            if (_scaleFree[i] < 0 || !weight.Parameter.HasGradient) continue;
            _scaleFree[i] = weight.IsGradientAcross() ? _scaleFree[i] + 1 : -1;
            weight.IsScaleFree = iteration == ScaleFreeSteps - 1 && _scaleFree[i] >= ScaleFreeSteps;
        }
    }

    /// <summary>A layer with a hook is not fused, which changes no bit; so this is done in one step only.</summary>
    private void WatchShapes()
    {
        _hasShapes = true;
        foreach (TrainedNorm norm in _view.Norms)
        {
            if (norm.Tracking is not { } tracking) continue;
            _hooks.Add(norm.Module.AddForwardHook((_, x, _) =>
            {
                int samples = x.Shape.Rank > 1 ? x.Shape[0] : x.Count;
                norm.PerChannel = (x.Count / Math.Max(1, tracking.NumFeatures), samples);
            }));
        }
    }

    private void RemoveHooks()
    {
        foreach (IDisposable hook in _hooks) hook.Dispose();
        _hooks.Clear();
    }

    /// <summary>
    /// The loss of the same answer for all samples: no preference among classes, or the mean of the targets. NaN if the
    /// loss is not one of the library's.
    /// </summary>
    private static double Baseline(Loss loss, Tensor prediction, Tensor targets)
    {
        Tensor answer = Tensor.Zeros(prediction.Shape, prediction.DType);
        switch (loss)
        {
            case MSELoss or L1Loss or HuberLoss or SmoothL1Loss:
                int outputs = targets.Count / targets.Shape[0];
                for (int output = 0; output < outputs; output++)
                {
                    double sum = 0;
                    for (int i = output; i < targets.Count; i += outputs) sum += targets.ValueAt(i);
                    for (int i = output; i < targets.Count; i += outputs) answer.SetValueAt(i, sum / targets.Shape[0]);
                }

                break;
            case NLLLoss:
                answer.Fill(-ScalarMath.Log(prediction.Shape[1]));
                break;
            case CrossEntropyLoss or BCEWithLogitsLoss or MultiClassHingeLoss or HingeLoss:
                break;
            default:
                return double.NaN;
        }

        return loss.Forward(answer, targets).Item();
    }
}

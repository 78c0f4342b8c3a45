using Evenkeel.Nn;

namespace Evenkeel.Training;

/// <summary>A copy of all weights and statistics of a model. The next copy reuses its memory.</summary>
internal sealed class ModelSnapshot
{
    private readonly List<Tensor> _tensors = [];

    public bool IsEmpty => _tensors.Count == 0;

    public void Take(Module model)
    {
        List<Module.StateEntry> state = model.StateEntries();
        for (int i = 0; i < state.Count; i++)
        {
            Tensor live = state[i].Live;
            if (i == _tensors.Count) _tensors.Add(live.Clone());
            else if (_tensors[i].DType != live.DType) _tensors[i] = live.Clone();
            else _tensors[i].CopyFrom(live);
        }
    }

    public void PutBack(Module model)
    {
        List<Module.StateEntry> state = model.StateEntries();
        for (int i = 0; i < state.Count; i++)
        {
            state[i].Live
                .CopyFrom(_tensors[i].DType == state[i].Live.DType ? _tensors[i] : _tensors[i].To(state[i].Live.DType));
        }
    }

    public void Clear() => _tensors.Clear();

    /// <summary>Whether the model has exactly these weights and statistics.</summary>
    public bool Matches(Module model)
    {
        List<Module.StateEntry> state = model.StateEntries();
        if (state.Count != _tensors.Count) return false;
        for (int i = 0; i < state.Count; i++)
        {
            Tensor live = state[i].Live, copy = _tensors[i];
            if (copy.Shape != live.Shape) return false;
            if (!(copy.DType == live.DType ? copy : copy.To(live.DType)).Bytes().SequenceEqual(live.Bytes()))
                return false;
        }

        return true;
    }

    /// <summary>Adds the copies to a state dict under a prefix.</summary>
    public void Write(Module model, string prefix, StateDict target)
    {
        List<Module.StateEntry> state = model.StateEntries();
        for (int i = 0; i < state.Count; i++) target.Add(prefix + state[i].Key, _tensors[i]);
    }

    /// <summary>Takes the copies from a state dict.</summary>
    public void Read(Module model, string prefix, StateDict source, bool checkValues)
    {
        _tensors.Clear();
        foreach (Module.StateEntry entry in model.StateEntries())
        {
            if (!source.TryGetValue(prefix + entry.Key, out Tensor? value) || value.Shape != entry.Live.Shape
                || value.DType != entry.Live.DType)
            {
                throw new ArgumentException($"Trainer.Resume: expected '{prefix}{entry.Key}' "
                    + $"as {entry.Live.DType} of shape {entry.Live.Shape}, "
                    + $"got {(value is null ? "nothing" : $"{value.DType} of shape {value.Shape}")}. "
                    + $"Build the model as it was when the checkpoint was saved.", nameof(source));
            }

            if (checkValues && StateRanges.Problem(entry.Range, value, value, entry.Place) is { } problem)
            {
                throw new ArgumentException(
                    $"Trainer.Resume: '{prefix}{entry.Key}'{problem}. No training leaves such a number; "
                    + "use an earlier checkpoint, or pass checkValues: false to take it as it is.", nameof(source));
            }

            _tensors.Add(value.Clone());
        }
    }
}

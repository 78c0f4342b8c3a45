using System.Collections;
using System.Reflection;
using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// One copy of a network, as <see cref="Module.Clone"/> makes it. An object that is met twice is copied once: one
/// object in the network is one object in the copy.
/// </summary>
/// <remarks>
/// <para>What a module has registered is copied. A field that holds a part of a network (a module, parameter, buffer,
/// running statistics, plain tensor or random stream) holds its copy in the copy. So does an array or a
/// <see cref="List{T}"/>, element by element. Every other object is the module's own business: the copy has the same
/// one, unless <see cref="Module.CopyState"/> sets another.</para>
/// <para>A copy that would use the network's own parts through such an object is refused. It is looked at one step
/// deep: its type with the type arguments, and what its fields hold; of a function, the object that it belongs to. In
/// a program compiled ahead of time (Native AOT) the fields of such objects are not seen.</para>
/// </remarks>
public sealed class ModuleCopier
{
    private readonly Dictionary<object, object> _copies = new(ReferenceEqualityComparer.Instance);
    private readonly Func<Module, ModuleCopier, Module?>? _substitute;
    private readonly bool _sharesWeights;

    /// <param name="substitute">
    /// Makes the module that stands in the copy for a module, from this copier's copies of its parameters and buffers.
    /// Null takes the copy of the module.
    /// </param>
    /// <param name="sharesWeights">Whether the copy's parameters share the memory of the network's.</param>
    internal ModuleCopier(Func<Module, ModuleCopier, Module?>? substitute, bool sharesWeights) =>
        (_substitute, _sharesWeights) = (substitute, sharesWeights);

    /// <summary>The module that stands in the copy for a module of the network.</summary>
    /// <exception cref="InvalidOperationException">A substitute is not a <typeparamref name="T"/>.</exception>
    public T Copy<T>(T module) where T : Module
    {
        ArgumentNullException.ThrowIfNull(module);
        Module copy = Once<Module>(module, CopyModule);
        return copy as T ?? throw CopiedFields.NotAdmitted($"{nameof(ModuleCopier)}.{nameof(Copy)}", typeof(T), copy);
    }

    /// <summary>The parameter that stands in the copy for a parameter of the network.</summary>
    public Parameter Copy(Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        return Once(parameter, parameter =>
        {
            if (parameter.Source is WeightParametrization source)
                return new Parameter(Copy(source), parameter.Name, parameter.GivenRole);
            Tensor value = parameter.Value;
            return new Parameter(
                _sharesWeights ? value.Alias(value.Shape) : value.Clone(), parameter.Name, parameter.GivenRole)
            {
                RequiresGradient = parameter.RequiresGradient,
            };
        });
    }

    /// <summary>The buffer that stands in the copy for a buffer of the network.</summary>
    public StateBuffer Copy(StateBuffer buffer)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        return Once(buffer, buffer => new StateBuffer(Copy(buffer.Value), buffer.Name, buffer.Range));
    }

    /// <summary>Running statistics whose buffers are the copies of the network's.</summary>
    public RunningStatistics Copy(RunningStatistics running)
    {
        ArgumentNullException.ThrowIfNull(running);
        return Once(running, running => running.CopyWith(
            Copy(running.Mean), Copy(running.Variance), Copy(running.NumBatchesTracked)));
    }

    /// <summary>A copy of a plain tensor; a parameter's own tensor becomes that of its copy.</summary>
    public Tensor Copy(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        // An activation belongs to its pass, not to the network.
        if (tensor.Tape is not null) return tensor;
        if (tensor.Parameter is { } parameter) return Copy(parameter).Value;
        return Once(tensor, static tensor =>
        {
            Tensor copy = tensor.Clone();
            copy.IsDetachedFromParameter = tensor.IsDetachedFromParameter;
            return copy;
        });
    }

    private T Once<T>(T value, Func<T, T> copy) where T : class
    {
        if (_copies.TryGetValue(value, out object? known)) return (T)known;
        T made = copy(value);
        _copies.TryAdd(value, made);
        return made;
    }

    private Module CopyModule(Module module)
    {
        if (_substitute?.Invoke(module, this) is { } replacement) return replacement;
        Module copy = module.CopyShell();
        // A module may be met again below itself.
        _copies.Add(module, copy);
        copy.CopyRegistered(this);
        var shared = new List<(FieldInfo Field, object Value)>();
        foreach (FieldInfo field in CopiedFields.Of(module.GetType()))
        {
            if (field.GetValue(module) is not { } held) continue;
            bool isShared = false;
            object mapped = Mapped(held, field, ref isShared);
            if (mapped != held) field.SetValue(copy, CopiedFields.Admitted(field, field.FieldType, mapped));
            if (isShared) shared.Add((field, mapped));
        }

        copy.CopyOwnState(this);
        foreach ((FieldInfo field, object value) in shared)
        {
            object? now = field.GetValue(copy);
            if (now is ValueType ? now.Equals(value) : now == value) throw CopiedFields.Shared(field, value);
        }

        return copy;
    }

    /// <summary>What stands in the copy for an object in a field, an array or a list.</summary>
    /// <param name="held">The object.</param>
    /// <param name="field">The field, for errors.</param>
    /// <param name="isShared">Becomes true if the copy goes on using a part of the network through it.</param>
    private object Mapped(object held, FieldInfo field, ref bool isShared)
    {
        switch (held)
        {
            case Module module: return Once(module, CopyModule);
            case Parameter parameter: return Copy(parameter);
            case StateBuffer buffer: return Copy(buffer);
            case RunningStatistics running: return Copy(running);
            case Tensor tensor: return Copy(tensor);
            case Philox or NumPyRandomState or TorchGenerator:
                return Once((IRandomStream)held, static stream => stream.State.CreateStream());
            case IList list when CopiedFields.ItemType(list) is { } type:
                if (_copies.TryGetValue(list, out object? known)) return known;
                IList copy = CopiedFields.ShallowCopy(list);
                _copies.Add(list, copy);
                for (int i = 0; i < copy.Count && !type.IsPrimitive; i++)
                {
                    if (copy[i] is { } item)
                        copy[i] = CopiedFields.Admitted(field, type, Mapped(item, field, ref isShared));
                }

                return copy;
            default:
                isShared |= CopiedFields.LeadsToNetwork(held);
                return held;
        }
    }
}

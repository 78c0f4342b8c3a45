using System.Diagnostics.CodeAnalysis;

namespace Evenkeel.Nn;

/// <summary>
/// A layer or a network: parameters, buffers and child modules under names, and a forward pass. Names are PyTorch's, so
/// state dicts are too.
/// </summary>
/// <remarks>
/// A module holds only weights and statistics. The data of a pass are in the ops of the input's tape. Therefore a
/// module may run twice in one pass, and weights may be tied. There is no train/eval switch: <see cref="Mode"/> belongs
/// to the tape. Without a tape a module runs in Eval.
/// </remarks>
public abstract partial class Module
{
    private OrderedDictionary<string, Parameter> _parameters = new(StringComparer.Ordinal);
    private OrderedDictionary<string, StateBuffer> _buffers = new(StringComparer.Ordinal);
    private OrderedDictionary<string, Module> _children = new(StringComparer.Ordinal);
    private HashSet<string>? _optionalBuffers;
    private Action<Module, Tensor, Tensor>[] _hooks = [];

    /// <summary>The modules registered in this one, by name, in the order of registration.</summary>
    public IReadOnlyDictionary<string, Module> Children => _children;

    /// <summary>The parameters of this module itself, without its children's.</summary>
    internal OrderedDictionary<string, Parameter> OwnParameters => _parameters;

    /// <summary>The buffers of this module itself, without its children's.</summary>
    internal OrderedDictionary<string, StateBuffer> OwnBuffers => _buffers;

    /// <summary>
    /// True if a hook wants to see this module's output. Such a module is never fused with its neighbour.
    /// </summary>
    internal bool HasHooks => _hooks.Length != 0;

    /// <summary>
    /// Runs the module on <paramref name="x"/>, then its hooks. Mode and recording are those of <c>x.Tape</c>; without
    /// a tape it is plain Eval.
    /// </summary>
    /// <param name="x">The input, in the shape the module's own documentation states.</param>
    public Tensor Forward(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        TapeTrace? trace = x.Tape?.Trace;
        object? outer = trace?.Enter(this);
        Tensor y = ForwardCore(x);
        trace?.Leave(outer);
        return Shown(x, y);
    }

    /// <summary>A result, after the hooks have seen it.</summary>
    private protected Tensor Shown(Tensor x, Tensor y)
    {
        foreach (Action<Module, Tensor, Tensor> hook in _hooks) hook(this, x, y);
        return y;
    }

    /// <summary>The pass of a network on one input, or on two if it takes them.</summary>
    internal Tensor Run(Tensor x, Tensor? second) =>
        second is null ? Forward(x) : ((ITwoInputs)this).Forward(x, second);

    /// <summary>
    /// Computes the module's output. Called by <see cref="Forward"/>; other modules are called through their Forward.
    /// A module of two inputs derives from <see cref="TwoInputModule"/>.
    /// </summary>
    protected abstract Tensor ForwardCore(Tensor x);

    /// <summary>
    /// Has <paramref name="hook"/> called with (module, input, output) after each forward pass of this module; of two
    /// inputs it sees the first. Hooked modules are not fused, so the output is exactly this layer's.
    /// </summary>
    /// <returns>Dispose it to remove the hook.</returns>
    public IDisposable AddForwardHook(Action<Module, Tensor, Tensor> hook)
    {
        ArgumentNullException.ThrowIfNull(hook);
        // One wrapper per call: the same delegate may be added twice and is then removed one by one.
        Action<Module, Tensor, Tensor> entry = (module, x, y) => hook(module, x, y);
        _hooks = [.. _hooks, entry];
        return new HookHandle(this, entry);
    }

    /// <summary>All parameters of this module and those below, distinct by reference: tied weights come once.</summary>
    public IReadOnlyList<Parameter> Parameters()
    {
        IReadOnlyList<(string Name, Parameter Parameter)> named = NamedParameters();
        var parameters = new Parameter[named.Count];
        for (int i = 0; i < parameters.Length; i++) parameters[i] = named[i].Parameter;
        return parameters;
    }

    /// <summary>
    /// All parameters with their dotted keys (<c>0.weight</c>), distinct by reference: a tied weight comes under its
    /// first key.
    /// </summary>
    public IReadOnlyList<(string Name, Parameter Parameter)> NamedParameters()
    {
        var result = new List<(string, Parameter)>();
        var seen = new HashSet<Parameter>(ReferenceEqualityComparer.Instance);
        foreach ((string path, Module module) in NamedModules())
        {
            foreach ((string name, Parameter parameter) in module._parameters)
            {
                if (seen.Add(parameter)) result.Add((Join(path, name), parameter));
            }
        }

        return result;
    }

    /// <summary>All buffers (running statistics, counters) with their dotted keys, distinct by reference.</summary>
    public IReadOnlyList<(string Name, StateBuffer Buffer)> NamedBuffers()
    {
        var result = new List<(string, StateBuffer)>();
        var seen = new HashSet<StateBuffer>(ReferenceEqualityComparer.Instance);
        foreach ((string path, Module module) in NamedModules())
        {
            foreach ((string name, StateBuffer buffer) in module._buffers)
            {
                if (seen.Add(buffer)) result.Add((Join(path, name), buffer));
            }
        }

        return result;
    }

    /// <summary>
    /// This module (under the empty name) and all below it with their dotted names, parents first, distinct by
    /// reference.
    /// </summary>
    public IReadOnlyList<(string Name, Module Module)> NamedModules()
    {
        var result = new List<(string, Module)>();
        Visit("", this, new HashSet<Module>(ReferenceEqualityComparer.Instance), result);
        return result;

        static void Visit(string path, Module module, HashSet<Module> seen, List<(string, Module)> result)
        {
            if (!seen.Add(module)) return;
            result.Add((path, module));
            foreach ((string name, Module child) in module._children) Visit(Join(path, name), child, seen, result);
            if (module.Parametrization is { } form) Visit(Join(path, WeightParametrization.Place), form, seen, result);
        }
    }

    /// <summary>Marks the gradients of all parameters empty.</summary>
    public void ZeroGrad()
    {
        // A shared parameter is visited twice, which does no harm. Nothing is allocated, because this may run in each
        // step.
        foreach ((_, Parameter parameter) in _parameters) parameter.ZeroGrad();
        foreach ((_, Module child) in _children) child.ZeroGrad();
        Parametrization?.ZeroGrad();
    }

    /// <summary>Adds a trainable tensor; its memory becomes the parameter's.</summary>
    /// <param name="name">The last part of its state-dict key, for example <c>weight</c>.</param>
    /// <param name="value">The start value, for example <c>Tensor.Ones([features])</c>.</param>
    /// <param name="role">
    /// Its role in this layer. Null takes what its name and shape suggest, see <see cref="Parameter.Role"/>.
    /// </param>
    /// <exception cref="ArgumentException">
    /// The name is empty, taken or holds a '.' or '/'; or the value is not a plain floating-point tensor.
    /// </exception>
    protected Parameter Register(string name, Tensor value, ParameterRole? role = null)
    {
        CheckName(name);
        var parameter = new Parameter(value, name, role);
        _parameters.Add(name, parameter);
        return parameter;
    }

    /// <summary>Adds a parameter that exists already: two layers that register the same one share (tie) it.</summary>
    /// <param name="name">The last part of its state-dict key in this module.</param>
    /// <param name="parameter">The parameter.</param>
    /// <param name="role">Its role in this layer. Null keeps the role that it has.</param>
    /// <exception cref="ArgumentException">
    /// The name is empty, taken or holds a '.' or '/'; or the parameter was given another role before.
    /// </exception>
    protected Parameter Register(string name, Parameter parameter, ParameterRole? role = null)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        CheckName(name);
        if (role is { } said) parameter.SayRole($"{TypeName}.Register", said);
        if (parameter.Name.Length == 0) parameter.Name = name;
        _parameters.Add(name, parameter);
        return parameter;
    }

    /// <summary>Adds a child module; its keys begin with <paramref name="name"/> and a dot.</summary>
    /// <param name="name">The first part of its state-dict keys, for example <c>conv1</c>.</param>
    /// <param name="module">The child.</param>
    /// <exception cref="ArgumentException">
    /// The name is empty, taken or holds a '.' or '/'; or the child contains this module.
    /// </exception>
    protected T Register<T>(string name, T module) where T : Module
    {
        ArgumentNullException.ThrowIfNull(module);
        CheckName(name);
        foreach ((_, Module inner) in module.NamedModules())
        {
            if (ReferenceEquals(inner, this))
            {
                throw new ArgumentException(
                    $"{TypeName}: the module registered as \"{name}\" contains this one; "
                    + $"a network cannot contain itself. Register a new module.",
                    nameof(module));
            }
        }

        _children.Add(name, module);
        return module;
    }

    /// <summary>Adds a tensor that is saved with the module but not trained; its memory becomes the buffer's.</summary>
    /// <param name="name">The last part of its state-dict key, for example <c>running_mean</c>.</param>
    /// <param name="value">The start value. Floating-point buffers follow <see cref="To"/>, integers stay.</param>
    /// <param name="optional">
    /// True if older files may lack it (<c>num_batches_tracked</c>). It then keeps its value, and a strict load does
    /// not fail.
    /// </param>
    /// <param name="range">The numbers it can hold; <see cref="LoadStateDict"/> refuses others.</param>
    /// <exception cref="ArgumentException">
    /// The name is empty, taken or holds a '.' or '/'; or the tensor is not a plain one.
    /// </exception>
    protected StateBuffer RegisterBuffer(string name, Tensor value, bool optional = false,
        StateRange range = StateRange.Any) =>
        RegisterBuffer(name, new StateBuffer(value, name, range), optional);

    /// <summary>Adds a buffer that exists already, for example of running statistics that an op updates.</summary>
    /// <param name="name">The last part of its state-dict key in this module.</param>
    /// <param name="buffer">The buffer.</param>
    /// <param name="optional">Whether older files may lack it, as above. Default: false.</param>
    /// <exception cref="ArgumentException">The name is empty, taken or holds a '.' or '/'.</exception>
    protected StateBuffer RegisterBuffer(string name, StateBuffer buffer, bool optional = false)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        CheckName(name);
        if (buffer.Name.Length == 0) buffer.Name = name;
        _buffers.Add(name, buffer);
        if (optional) (_optionalBuffers ??= new HashSet<string>(StringComparer.Ordinal)).Add(name);
        return buffer;
    }

    /// <summary>
    /// Adds running statistics under PyTorch's keys: <c>running_mean</c>, <c>running_var</c> and
    /// <c>num_batches_tracked</c>, which files may lack.
    /// </summary>
    /// <param name="running">The statistics; ops that are given them update them in training.</param>
    /// <returns>The statistics.</returns>
    /// <exception cref="ArgumentException">One of the names is taken.</exception>
    protected RunningStatistics Register(RunningStatistics running)
    {
        ArgumentNullException.ThrowIfNull(running);
        RegisterBuffer("running_mean", running.Mean);
        RegisterBuffer("running_var", running.Variance);
        RegisterBuffer("num_batches_tracked", running.NumBatchesTracked, optional: true);
        return running;
    }

    /// <summary>The module's type without its type arguments: its name in errors and printouts.</summary>
    internal string TypeName
    {
        get
        {
            string name = GetType().Name;
            int mark = name.IndexOf('`', StringComparison.Ordinal);
            return mark < 0 ? name : name[..mark];
        }
    }

    /// <summary>
    /// The module as PyTorch prints it: children nested, one per line. Layers without children say their settings
    /// instead.
    /// </summary>
    public override string ToString()
    {
        if (_children.Count == 0) return $"{TypeName}()";
        var text = new System.Text.StringBuilder();
        text.Append(TypeName).Append("(\n");
        foreach ((string name, Module child) in _children)
        {
            text.Append("  (").Append(name).Append("): ").Append(
                child.Printed.Replace("\n", "\n  ", StringComparison.Ordinal)).Append('\n');
        }

        return text.Append(')').ToString();
    }

    /// <summary>The name of this module in errors: its dotted name and its type.</summary>
    internal string Label(string name) => name.Length == 0 ? TypeName : $"{name} ({TypeName})";

    internal static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";

    private void CheckName([NotNull] string? name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (name.AsSpan().ContainsAny('.', '/'))
        {
            throw new ArgumentException(
                $"{TypeName}: expected a name without '.' and '/' (they separate the levels of a key), got \"{name}\".",
                nameof(name));
        }

        if (_parameters.ContainsKey(name) || _buffers.ContainsKey(name) || _children.ContainsKey(name))
        {
            throw new ArgumentException(
                $"{TypeName}: the name \"{name}\" is registered already. Choose another one.", nameof(name));
        }
    }

    private sealed class HookHandle(Module module, Action<Module, Tensor, Tensor> entry) : IDisposable
    {
        public void Dispose() => module._hooks = Array.FindAll(module._hooks, hook => !ReferenceEquals(hook, entry));
    }
}

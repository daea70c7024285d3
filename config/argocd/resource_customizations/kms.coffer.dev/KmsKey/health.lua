-- kstatus-compatible: observedGeneration and the conditions Ready, Reconciling and Stalled.
local waits = {PendingDeletion = true, PendingImport = true}

local function condition(kind)
  for _, found in ipairs(obj.status.conditions) do
    if found.type == kind then
      return found
    end
  end
  return {}
end

if obj.status == nil or obj.status.conditions == nil then
  return {status = "Progressing", message = "Waiting for Coffer"}
end
if obj.status.observedGeneration ~= nil and obj.status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "Waiting for Coffer to observe the latest spec"}
end

local stalled, ready = condition("Stalled"), condition("Ready")
if stalled.status == "True" then
  -- A key that waits for its material or its end is as somebody wanted it; anything else needs somebody.
  return {status = waits[stalled.reason] and "Suspended" or "Degraded", message = stalled.message}
end
if ready.status ~= "True" then
  return {status = "Progressing", message = ready.message or "Waiting for Coffer"}
end
if obj.status.keyState == "Disabled" then
  return {status = "Suspended", message = "The key is disabled"}
end
return {status = "Healthy", message = "The key can be used"}
